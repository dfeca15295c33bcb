import { create } from 'webgpu';

/** Exported so that something refers to it: once collected as garbage, it takes its devices, and the process, along. */
export const gpu = create([]);

const available = (await gpu.requestAdapter()) !== null;

/**
 * The reason to skip a file's tests, for their names, or undefined where they can run.
 * @throws where MOE_REQUIRE names the part, so that CI cannot pass without it.
 */
export function missingPart(part: 'webgpu-node' | 'deno', reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined;
  if (process.env.MOE_REQUIRE?.split(',').includes(part))
    throw new Error(`MOE_REQUIRE wants ${part}: ${reason}`);
  console.warn(`${part} tests are skipped: ${reason}`);
  return reason;
}

export const missingGpu = missingPart(
  'webgpu-node',
  available ? undefined : 'Dawn finds no adapter; set VK_ICD_FILENAMES, see tools/setup-lavapipe.sh',
);

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
  if (adapter === null) throw new Error('the adapter is gone');
  return { adapter, limits: adapter.limits };
}
