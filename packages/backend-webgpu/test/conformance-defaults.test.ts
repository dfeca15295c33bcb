import { describeBackend } from '@moe-dispatch/conformance/vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
import { newDefaultDevice } from './require-gpu.js';

// The default limits and no optional feature. Chromium runs the whole suite so (browser/conformance.test.ts).
const device = await newDefaultDevice();
for (const filter of ['golden/router', 'random/']) {
  describeBackend(webgpu({ device }), { ...kit, timeout: 120_000, filter });
}
