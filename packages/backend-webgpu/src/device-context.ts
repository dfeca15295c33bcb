import { BackendUnavailableError } from '@moe-dispatch/core';
import { BufferPool, STORAGE_USAGE } from './buffer-pool.js';
import { readLimits } from './device-limits.js';
import { Faults } from './faults.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import { Programs } from './programs.js';
import type { DeviceTraits } from './schedule.js';
import { Uniforms } from './uniforms.js';
import { bufferCheck } from './wrap-buffer.js';

const MAX_WORKGROUP_SIZE = 256;
/** The most that a kernel binds: reduce-rows, with a bias and identity experts. */
const STORAGE_BUFFERS = 7;
/** Workgroup memory that the kernels need with workgroups of 256. */
const WORKGROUP_BYTES_PER_THREAD = 20;

/** What the backend keeps for its device. */
export interface DeviceContext extends DeviceTraits {
  readonly device: GPUDevice;
  readonly programs: Programs;
  readonly uniforms: Uniforms;
  readonly faults: Faults;
  readonly pool: BufferPool;
  /** Whether something is a GPUBuffer of this implementation of WebGPU. */
  readonly isBuffer: (value: unknown) => value is GPUBuffer;
}

/** @throws BackendUnavailableError if the device allows less than the kernels need. */
export function makeContext(device: GPUDevice, arithmetic: Arithmetic): DeviceContext {
  const limits = readLimits(device.limits);
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX, maxComputeWorkgroupStorageSize } =
    limits;
  const threads = Math.min(
    MAX_WORKGROUP_SIZE,
    maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX,
    maxComputeWorkgroupStorageSize / WORKGROUP_BYTES_PER_THREAD,
  );
  checkLeast('maxStorageBuffersPerShaderStage', limits.maxStorageBuffersPerShaderStage, STORAGE_BUFFERS);
  const faults = new Faults(device);
  const workgroupSize = 2 ** Math.floor(Math.log2(threads));
  const probe = device.createBuffer({ size: 4, usage: STORAGE_USAGE });
  probe.destroy();
  return {
    device,
    limits,
    workgroupSize,
    subgroupSize: subgroupSize(device),
    arithmetic,
    programs: new Programs(device, faults, workgroupSize),
    uniforms: new Uniforms(device),
    faults,
    pool: new BufferPool(device, faults),
    isBuffer: bufferCheck(probe),
  };
}

/** The device in words. */
export function describeDevice(device: GPUDevice): string {
  // Older implementations lack adapterInfo.
  const { description, vendor, architecture } = device.adapterInfo ?? {};
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'a WebGPU device';
}

function subgroupSize(device: GPUDevice): number {
  const { subgroupMinSize, subgroupMaxSize } = device.adapterInfo ?? {};
  if (!device.features.has('subgroups') || subgroupMinSize !== subgroupMaxSize) return 0;
  return subgroupMinSize ?? 0;
}

function checkLeast(limit: string, value: number, least: number): void {
  if (value >= least) return;
  throw new BackendUnavailableError('BACKEND_UNAVAILABLE', {
    argument: 'device',
    found: `a device with ${limit} = ${value}`,
    expected: `a device with ${limit} of at least ${least}`,
  });
}
