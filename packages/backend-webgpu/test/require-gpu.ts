import { create } from 'webgpu';

/** Exported so that something refers to it: once collected as garbage, it takes its devices, and the process, along. */
export const gpu = create([]);

/** A device with the adapter's limits for buffers, and those of the features that it has. */
export async function newDevice(features: readonly GPUFeatureName[] = ['subgroups']): Promise<GPUDevice> {
  const { adapter, limits } = await newAdapter();
  const { maxStorageBufferBindingSize, maxBufferSize } = limits;
  return adapter.requestDevice({
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
  });
}

/** A device with nothing but what WebGPU promises everywhere. */
export async function newDefaultDevice(): Promise<GPUDevice> {
  return (await newAdapter()).adapter.requestDevice();
}

/** An adapter gives one device only. */
async function newAdapter(): Promise<{ adapter: GPUAdapter; limits: GPUSupportedLimits }> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null)
    throw new Error('Dawn finds no adapter; set VK_ICD_FILENAMES, see scripts/setup-lavapipe.sh');
  return { adapter, limits: adapter.limits };
}
