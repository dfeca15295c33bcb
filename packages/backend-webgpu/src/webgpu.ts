import { type BackendFactory, isMoeDispatchError } from '@moe-dispatch/core';
import { readOptions } from '@moe-dispatch/core/backend';
import { LIMIT_NAMES } from './device-limits.js';
import { checkMethods } from './duck-types.js';
import { findArithmetic } from './find-arithmetic.js';
import { findGpu, unavailable } from './find-gpu.js';
import { WebGpuBackend } from './webgpu-backend.js';

/** Which device the WebGPU backend works on. */
export interface WebGpuOptions {
  /** A device of yours to work on. It is never destroyed, and keeps the limits and features it has. */
  device?: GPUDevice | undefined;
  /**
   * The GPU object to ask for an adapter, instead of the engine's own. With `device`, the one that it came from: the
   * backend keeps it alive, as Dawn in Node needs.
   */
  gpu?: GPU | undefined;
}

const DEVICE_METHODS = ['createBuffer', 'createCommandEncoder', 'createShaderModule'];
/** Used if the adapter has them; nothing needs them. */
const USEFUL_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'timestamp-query'];

/**
 * The WebGPU backend, for `selectBackend`. It finds a device (in Node and Bun through the optional package
 * `webgpu`), asked for the adapter's own limits; or it works on yours. `create()` throws BackendUnavailableError with
 * the reason if there is none.
 * @throws InvalidArgumentError INVALID_ARGUMENT
 */
export function webgpu(options: WebGpuOptions = {}): BackendFactory<WebGpuBackend> {
  const { device, gpu: given } = readOptions<WebGpuOptions>(options, ['device', 'gpu']);
  if (device !== undefined) checkMethods('options.device', device, DEVICE_METHODS, 'a GPUDevice');
  if (given !== undefined) checkMethods('options.gpu', given, ['requestAdapter'], 'a GPU, as navigator.gpu');
  return {
    name: 'webgpu',
    async create() {
      if (device !== undefined) {
        return new WebGpuBackend(device, false, given, await findArithmetic(device));
      }
      const gpu = given ?? (await findGpu());
      const own = await requestDevice(gpu);
      return new WebGpuBackend(own, true, gpu, await findArithmetic(own));
    },
  };
}

async function requestDevice(gpu: GPU): Promise<GPUDevice> {
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter)
      throw unavailable('no adapter', 'a GPU, and its driver, that this WebGPU implementation takes');
    return await adapter.requestDevice({
      requiredFeatures: USEFUL_FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMIT_NAMES.map((name) => [name, adapter.limits[name]])),
    });
  } catch (cause) {
    if (isMoeDispatchError(cause)) throw cause;
    throw unavailable(
      `an adapter that gives no device: ${(cause as Error).message}`,
      'a working adapter',
      cause,
    );
  }
}
