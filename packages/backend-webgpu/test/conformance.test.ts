import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { describe } from 'vitest';
import { webgpu } from '../src/index.js';
import { gpuBufferMemory } from './gpu-buffer-memory.js';
import { limitedDevice } from './limited-device.js';
import { missingGpu, newDefaultDevice, newDevice } from './require-gpu.js';

/** Small enough that most tensors of the suite are bound in cuts and grids are folded. */
const LOW_LIMITS = {
  maxStorageBufferBindingSize: 65536,
  maxComputeWorkgroupsPerDimension: 255,
  maxComputeInvocationsPerWorkgroup: 128,
  maxComputeWorkgroupStorageSize: 4096,
  maxStorageBuffersPerShaderStage: 7,
};

function suite(name: string, device: GPUDevice): void {
  describe(name, () => {
    describeBackend(webgpu({ device }), { native: gpuBufferMemory(device) });
  });
}

if (missingGpu !== undefined) {
  describe.skip(`the WebGPU backend: ${missingGpu}`, () => {});
} else {
  suite('with subgroups', await newDevice(['subgroups']));
  suite('with the default limits, without subgroups', await newDefaultDevice());
  suite('with low limits', limitedDevice(await newDevice(['subgroups']), { limits: LOW_LIMITS }));
}
