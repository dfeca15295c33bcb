import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../../src/conformance.js';
import { webgpu } from '../../src/index.js';

const adapter = await navigator.gpu?.requestAdapter();
const device = await adapter?.requestDevice();
// Where the browser has no WebGPU, this throws: a suite without a backend would look like a pass.
if (device === undefined) throw new Error('this browser gives no WebGPU device');

describeBackend(webgpu({ device }), { ...kit, timeout: 240_000 });
