import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
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
for (const filter of ['golden/', 'generated/large', 'generated/rows']) {
  describeBackend(webgpu({ device }), { ...kit, timeout: 120_000, filter });
}
