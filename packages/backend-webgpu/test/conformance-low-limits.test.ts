import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
import { LOW_LIMITS, limitedDevice } from './limited-device.js';
import { newDevice } from './require-gpu.js';

const device = limitedDevice(await newDevice(['subgroups']), { limits: LOW_LIMITS });
for (const filter of ['golden/', 'generated/large', 'generated/rows']) {
  describeBackend(webgpu({ device }), { ...kit, timeout: 120_000, filter });
}
