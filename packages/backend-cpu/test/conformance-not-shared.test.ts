import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { describe, expect, it } from 'vitest';
import * as kit from '../src/conformance.js';
import { cpu } from '../src/index.js';

// As in Firefox, in a page that is not cross-origin isolated.
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    if (descriptor.shared) throw new TypeError('shared memory is not available');
    super(descriptor);
  }
};

describe('WebAssembly, memory that cannot be shared', () => {
  it('leaves one thread, and tensors in memory of their own', async () => {
    const backend = await cpu({ threads: 2 }).create();
    expect(backend.info.device).toContain('WebAssembly SIMD, 1 thread');
    expect(backend.tensor([1]).memory).toBeInstanceOf(ArrayBuffer);
  });

  describeBackend(cpu(), kit);
});
