/**
 * The CUDA backend, for NVIDIA GPUs.
 * @module @moe-dispatch/backend-cuda
 */
import type { BackendFactory } from '@moe-dispatch/core';
import { readOptions } from '@moe-dispatch/core/backend';
import { loadAddon } from './addon.js';
import { CudaBackend } from './backend.js';
import { checkOrdinal } from './native-arguments.js';
import { probeDriver, usableDevice } from './probe.js';

export type { CudaDeviceInfo } from './addon.js';
export { CudaBackend } from './backend.js';
export type { FatBinaryManifest } from './fat-binary.js';
export { type CudaInspection, formatInspection, inspect } from './inspect.js';
export type { CudaMemory } from './native-arguments.js';
export { CudaPrepared } from './prepared.js';
export type { StreamScope } from './stream-scope.js';
export { CudaTensor } from './tensor.js';
export { CudaUnavailableError, type CudaUnavailableReason } from './unavailable.js';

/** Which device the CUDA backend works on. */
export interface CudaOptions {
  /** Which device, as CUDA counts them (CUDA_VISIBLE_DEVICES applies). Default 0. */
  ordinal?: number | undefined;
}

/**
 * The CUDA backend, for selectBackend. `create` throws CudaUnavailableError if something is missing, ResourceError or
 * DeviceError if the device fails.
 * @throws InvalidArgumentError INVALID_ARGUMENT
 */
export function cuda(options: CudaOptions = {}): BackendFactory<CudaBackend> {
  const { ordinal = 0 } = readOptions<CudaOptions>(options, ['ordinal']);
  checkOrdinal(ordinal);
  return {
    name: 'cuda',
    create: async () => new CudaBackend(loadAddon(), usableDevice(await probeDriver(), ordinal)),
  };
}
