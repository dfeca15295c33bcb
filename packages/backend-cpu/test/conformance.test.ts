import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { describe, expect, it } from 'vitest';
import * as kit from '../src/conformance.js';
import { cpu } from '../src/index.js';
import { Kernels } from '../src/kernels.js';

describe('routing in WebAssembly', () => {
  it('runs here', async () => {
    expect(await Kernels.create()).not.toBeNull();
  });

  describeBackend(cpu(), kit);
});

describe('routing in JavaScript', () => {
  describeBackend(cpu({ simd: false }), kit);
});
