import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { describe, expect, it } from 'vitest';
import * as kit from '../src/conformance.js';
import { cpu } from '../src/index.js';
import { Kernels } from '../src/kernels.js';

describe('WebAssembly, one thread', () => {
  it('runs here', async () => {
    expect(await Kernels.create()).not.toBeNull();
  });

  describeBackend(cpu({ threads: 1 }), kit);
});

describe('JavaScript', () => {
  describeBackend(cpu({ simd: false }), kit);
});
