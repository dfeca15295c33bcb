import { cpu } from '@moe-dispatch/backend-cpu';
import { type Backend, moeDispatch, moeReduce, type Tensor } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { WebGpuBackend } from '../src/webgpu-backend.js';
import { limitedDevice } from './limited-device.js';
import { type HostDispatch, type HostTensor, randomDispatch } from './random-router.js';
import { newDevice } from './require-gpu.js';

const CALLS = Number(process.env.CALLS ?? 60);
const FIRST = Number(process.env.FIRST ?? 1);

const device = await newDevice();
const limits = { maxComputeInvocationsPerWorkgroup: 16, maxComputeWorkgroupSizeX: 16 };
const small = { limits: { ...limits, maxStorageBufferBindingSize: 2048 }, without: ['subgroups'] as const };
const backends: readonly [string, WebGpuBackend, number][] = [
  ['as the device is', await webgpu({ device }).create(), 300],
  [
    'with small workgroups and bindings',
    await webgpu({ device: limitedDevice(device, small) }).create(),
    200,
  ],
  ['with integers', new WebGpuBackend(device, false, undefined, 'integers'), 24],
  ['with checks', new WebGpuBackend(device, false, undefined, 'normal floats'), 24],
];
const reference = await cpu().create();

describe.each(backends)('any router gives the bytes of the CPU, %s', (_, backend, experts) => {
  it('for random routers', { timeout: 600_000 }, async () => {
    for (let seed = FIRST; seed < FIRST + CALLS; seed++) {
      const call = randomDispatch(seed, { tokens: 40, experts: seed % 3 === 0 ? experts : 24 });
      const { router, gating, x, tensors } = call;
      const what = JSON.stringify({
        seed,
        router,
        gating: [gating.shape, gating.dtype],
        x: [x.shape, x.dtype],
        with: Object.keys(tensors),
      });
      expect(await results(backend, call), what).toEqual(await results(reference as never, call));
    }
  });
});

/** What moeDispatch gives, as words, and moeReduce of its rows. Rows behind the last expert's are left out. */
async function results(backend: Backend, call: HostDispatch): Promise<Record<string, string>> {
  const tensor = ({ data, shape, dtype }: HostTensor): Tensor =>
    backend.tensor(data as Float32Array, shape, dtype as 'float32');
  const x = tensor(call.x);
  const named = Object.fromEntries(
    Object.entries(call.tensors).map(([name, value]) => [name, tensor(value)]),
  );
  const dispatched = moeDispatch(x, tensor(call.gating), { router: call.router, ...named });
  const identity = call.router.zeroExperts?.kind === 'identity';
  const reduced = moeReduce(dispatched.permuteInput, dispatched, {
    ...(identity && { x }),
    routedScalingFactor: 1.5,
  });
  const found: Record<string, string> = {};
  const offsets = (await dispatched.expertOffsets.read()) as Int32Array;
  for (const [name, values] of Object.entries({ ...dispatched, reduced })) {
    const all = await (values as Tensor).read();
    const count = name === 'permuteInput' ? offsets.at(-1)! * x.shape[1] : all.length;
    found[name] = words(all as Float32Array, count);
  }
  return found;
}

/** All NaNs are one. */
function words(values: Float32Array | Uint16Array | Int32Array | BigInt64Array, count: number): string {
  if (!(values instanceof Float32Array)) return values.slice(0, count).join(' ');
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Array.from(bits.subarray(0, count), (word, i) =>
    Number.isNaN(values[i]) ? 'NaN' : word.toString(16),
  ).join(' ');
}
