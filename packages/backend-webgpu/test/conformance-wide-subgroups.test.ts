import './lavapipe-subgroups.js';
import { describeBackend } from '@moe-dispatch/conformance/vitest';
import { expect, it } from 'vitest';
import * as kit from '../src/conformance.js';
import { webgpu } from '../src/index.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice(['subgroups']);

it.runIf(device.adapterInfo.description.includes('llvmpipe'))('has subgroups of 16', () => {
  expect(device.adapterInfo.subgroupMinSize).toBe(16);
});

describeBackend(webgpu({ device }), { ...kit, filter: 'generated/ties', timeout: 120_000 });
