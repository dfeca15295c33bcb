import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { webgpu } from '../src/index.js';
import { gpuBufferMemory } from './gpu-buffer-memory.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice(['subgroups']);
describeBackend(webgpu({ device }), { native: gpuBufferMemory(device) });
