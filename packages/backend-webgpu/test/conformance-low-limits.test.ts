import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { webgpu } from '../src/index.js';
import { gpuBufferMemory } from './gpu-buffer-memory.js';
import { limitedDevice } from './limited-device.js';
import { newDevice } from './require-gpu.js';

/** Small enough that most of these tensors are bound in cuts and grids are folded. */
const LIMITS = {
  maxStorageBufferBindingSize: 65536,
  maxComputeWorkgroupsPerDimension: 255,
  maxComputeInvocationsPerWorkgroup: 128,
  maxComputeWorkgroupStorageSize: 4096,
  maxStorageBuffersPerShaderStage: 7,
};

const device = limitedDevice(await newDevice(['subgroups']), { limits: LIMITS });
for (const filter of ['golden/', 'generated/large', 'generated/rows', 'generated/experts/e=8192']) {
  describeBackend(webgpu({ device }), { native: gpuBufferMemory(device), filter });
}
