/**
 * The CPU backend.
 * @module @moe-dispatch/backend-cpu
 */
import type { BackendFactory } from '@moe-dispatch/core';
import { checkBoolean, checkSize, readOptions } from '@moe-dispatch/core/backend';
import { CpuBackend } from './backend.js';
import { Kernels } from './kernels.js';
import { threadCount } from './thread-count.js';

export { CpuBackend } from './backend.js';
export { CpuPrepared } from './prepared.js';
export { CpuTensor } from './tensor.js';

/** How the CPU backend computes. */
export interface CpuOptions {
  /** Compute in WebAssembly SIMD if the engine has it; false computes in plain JavaScript, in one thread. Default true. */
  simd?: boolean | undefined;
  /**
   * How many threads share the work of large calls, this one included: workers, which start with the first such call and
   * end with `dispose()`. Default: as many as the machine has, up to 8. One where memory cannot be shared, as in a page that
   * is not cross-origin isolated; `info.device` says why.
   */
  threads?: number | undefined;
}

/**
 * The CPU backend, for selectBackend. It works wherever JavaScript runs; `info.device` says how it computes.
 * @throws InvalidArgumentError INVALID_ARGUMENT
 */
export function cpu(options: CpuOptions = {}): BackendFactory<CpuBackend> {
  const { simd = true, threads: asked } = readOptions<CpuOptions>(options, ['simd', 'threads']);
  checkBoolean('simd', simd);
  if (asked !== undefined) checkSize('threads', asked, 1);
  return {
    name: 'cpu',
    create: async () => {
      const { threads, reason } = threadCount(asked);
      const kernels = simd ? await Kernels.create(threads) : null;
      const fewer = kernels !== null && kernels.threads < threads;
      return new CpuBackend(kernels, fewer ? ', as no workers start here' : reason);
    },
  };
}
