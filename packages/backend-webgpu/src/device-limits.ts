import { GRANULE } from './buffer-pool.js';
import { wordsPerBinding } from './segments.js';

/** The limits of WebGPU that the kernels and buffers depend on, under WebGPU's names. */
export const LIMIT_NAMES = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const;

export type DeviceLimits = Readonly<Record<(typeof LIMIT_NAMES)[number], number>>;

/** Bytes and words are counted in u32 by the shaders. */
const MAX_TENSOR_BYTES = 2 ** 32 - 4;
/** More experts work too, but nothing checks them. */
const MAX_EXPERTS = 65536;

export function readLimits(limits: GPUSupportedLimits): DeviceLimits {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, limits[name]])) as DeviceLimits;
}

/** What still fits a buffer when the pool has rounded it up. */
export function maxTensorBytes({ maxBufferSize }: DeviceLimits): number {
  const bytes = Math.min(maxBufferSize, MAX_TENSOR_BYTES);
  return bytes - (bytes % GRANULE);
}

/** A row of gating values, and two entries for each expert in the plan's workspace, must fit one binding. */
export function maxExperts(limits: DeviceLimits): number {
  return Math.min(MAX_EXPERTS, Math.floor(wordsPerBinding(limits) / 2));
}
