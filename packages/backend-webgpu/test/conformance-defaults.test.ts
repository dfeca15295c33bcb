import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { webgpu } from '../src/index.js';
import { gpuBufferMemory } from './gpu-buffer-memory.js';
import { newDefaultDevice } from './require-gpu.js';

// The default limits and no optional feature.
const device = await newDefaultDevice();
describeBackend(webgpu({ device }), { native: gpuBufferMemory(device) });
