import type { BackendFactory } from '@moe-dispatch/core';
import { LIMIT_NAMES } from './device-limits.js';
import { findArithmetic } from './find-arithmetic.js';
import { findGpu, unavailable } from './find-gpu.js';
import { WebGpuBackend } from './webgpu-backend.js';

/** Which device the WebGPU backend works on. */
export interface WebGpuOptions {
  /** A device of yours to work on. It is never destroyed, and keeps the limits and features it has. */
  device?: GPUDevice;
  /**
   * The GPU object to ask for an adapter, instead of the engine's own. With `device`, the one that it came from: the
   * backend keeps it alive, as Dawn in Node needs.
   */
  gpu?: GPU;
}

/** Used where the adapter has them; nothing needs them. */
const USEFUL_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'timestamp-query'];

/**
 * The WebGPU backend, for `selectBackend`. It finds a device by itself (in Node and Bun through the optional package
 * `webgpu`), asked for the adapter's own limits; or it works on yours. `create()` throws BackendUnavailableError with
 * the reason where there is none.
 */
export function webgpu(options: WebGpuOptions = {}): BackendFactory<WebGpuBackend> {
  return {
    name: 'webgpu',
    async create() {
      const gpu = options.gpu ?? (options.device === undefined ? await findGpu() : undefined);
      const device = options.device ?? (await requestDevice(gpu!));
      const arithmetic = await findArithmetic(device);
      return new WebGpuBackend(device, options.device === undefined, gpu, arithmetic);
    },
  };
}

async function requestDevice(gpu: GPU): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw unavailable('no adapter', 'a GPU, and its driver, that this WebGPU implementation takes');
  try {
    return await adapter.requestDevice({
      requiredFeatures: USEFUL_FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMIT_NAMES.map((name) => [name, adapter.limits[name]])),
    });
  } catch (cause) {
    throw unavailable(
      `an adapter that gives no device: ${(cause as Error).message}`,
      'a working adapter',
      cause,
    );
  }
}
