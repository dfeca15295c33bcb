import { create } from 'webgpu';

const gpu = create([]);

/** An adapter of Dawn in Node, or why there is none. Kept with its GPU object for the life of the process. */
export const adapter = await gpu.requestAdapter();

/**
 * The reason to skip a file's tests, for their names, or undefined where they can run.
 * @throws where MOE_REQUIRE names the part, so that CI cannot pass without it.
 */
export function missingPart(part: 'webgpu-node' | 'deno', reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined;
  if (process.env.MOE_REQUIRE?.split(',').includes(part)) throw new Error(`MOE_REQUIRE wants ${part}: ${reason}`);
  console.warn(`${part} tests are skipped: ${reason}`);
  return reason;
}

export const missingGpu = missingPart(
  'webgpu-node',
  adapter ? undefined : 'Dawn finds no adapter; set VK_ICD_FILENAMES, see tools/setup-lavapipe.sh',
);

/** A device with the adapter's limits, and `subgroups` where it has them. */
export function newDevice(features: readonly GPUFeatureName[] = ['subgroups']): Promise<GPUDevice> {
  const { limits } = adapter!;
  return adapter!.requestDevice({
    requiredFeatures: features.filter((feature) => adapter!.features.has(feature)),
    requiredLimits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
    },
  });
}
