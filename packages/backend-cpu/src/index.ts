/**
 * The CPU backend.
 * @module @moe-dispatch/backend-cpu
 */
import type { BackendFactory } from '@moe-dispatch/core';
import { checkBoolean, readOptions } from '@moe-dispatch/core/backend';
import { CpuBackend } from './backend.js';
import { Kernels } from './kernels.js';

export { CpuBackend } from './backend.js';
export { CpuPrepared } from './prepared.js';
export { CpuTensor } from './tensor.js';

/** How the CPU backend computes. */
export interface CpuOptions {
  /** Route with WebAssembly SIMD if the engine has it; false routes in plain JavaScript. Default true. */
  simd?: boolean | undefined;
}

/** The CPU backend, for selectBackend. It works wherever JavaScript runs; `info.device` says how it routes. */
export function cpu(options: CpuOptions = {}): BackendFactory<CpuBackend> {
  const { simd = true } = readOptions<CpuOptions>(options, ['simd']);
  checkBoolean('simd', simd);
  return { name: 'cpu', create: async () => new CpuBackend(simd ? await Kernels.create() : null) };
}
