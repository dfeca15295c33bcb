/**
 * The CPU backend.
 * @module @moe-dispatch/backend-cpu
 */
import { type BackendFactory, checkBoolean, checkObject } from '@moe-dispatch/core';
import { CpuBackend } from './backend.js';
import { SimdRouter } from './simd-route.js';

export { CpuBackend } from './backend.js';
export { CpuPreparedDispatch } from './prepared.js';
export { CpuTensor } from './tensor.js';

/** How the CPU backend computes. */
export interface CpuOptions {
  /** Route with WebAssembly SIMD where the engine has it; false keeps to plain JavaScript. Default true. */
  simd?: boolean;
}

/** The CPU backend, for selectBackend. It works wherever JavaScript runs; `info.device` says how it routes. */
export function cpu(options: CpuOptions = {}): BackendFactory<CpuBackend> {
  checkObject('options', options);
  const { simd = true } = options;
  checkBoolean('simd', simd);
  return { name: 'cpu', create: async () => new CpuBackend(simd ? await SimdRouter.create() : null) };
}
