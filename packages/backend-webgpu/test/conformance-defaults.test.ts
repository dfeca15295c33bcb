import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
import { newDefaultDevice } from './require-gpu.js';

// The default limits and no optional feature.
const device = await newDefaultDevice();
describeBackend(webgpu({ device }), { ...kit, timeout: 120_000 });
