import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice(['subgroups']);
describeBackend(webgpu({ device }), { ...kit, timeout: 120_000 });
