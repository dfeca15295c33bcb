import { cpu } from '@moe-dispatch/backend-cpu';
import { type Backend, moeDispatch, moeReduce, type Router, type Tensor } from '@moe-dispatch/core';
import { afterAll, describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { WebGpuBackend } from '../src/webgpu-backend.js';
import { randomNumbers } from './exact-sums.js';
import { limitedDevice } from './limited-device.js';
import {
  type DispatchSpec,
  type HostDispatch,
  type HostTensor,
  hostDispatch,
  randomDispatch,
} from './random-router.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice();
/** Most rows do not fit registers then, many calls are cut, and 16 choices are many. */
const small = {
  limits: {
    maxComputeInvocationsPerWorkgroup: 16,
    maxComputeWorkgroupSizeX: 16,
    maxStorageBufferBindingSize: 2048,
  },
  without: ['subgroups'] as const,
};
const usual = await webgpu({ device }).create();
/** How many calls: each brings kernels of its own, which take long to compile. */
const backends: readonly [string, WebGpuBackend, number][] = [
  ['as the device is', usual, 24],
  ['with small workgroups and bindings', await webgpu({ device: limitedDevice(device, small) }).create(), 12],
  ['with integers for all rows', new WebGpuBackend(device, false, undefined, 'integers'), 8],
  ['with integers for small values', new WebGpuBackend(device, false, undefined, 'normal floats'), 8],
];
const reference = await cpu().create();

afterAll(() => {
  for (const [, backend] of backends) backend.dispose();
});

describe.each(backends)('gives the bytes of the CPU, %s', (_, backend, calls) => {
  it('with random routers', { timeout: 300_000 }, async () => {
    for (let seed = 1; seed <= calls; seed++) {
      const call = randomDispatch(seed, { tokens: 40, experts: seed % 3 === 0 ? 200 : 24 });
      const { router, gating, x, tensors } = call;
      const what = { seed, router, gating: gating.shape, x: [x.shape, x.dtype], with: Object.keys(tensors) };
      expect(await results(backend, call), JSON.stringify(what)).toEqual(await results(reference, call));
    }
  });
});

/** Each takes kernels, or a way through them, that random routers seldom do. */
const PATHS: readonly (DispatchSpec & { readonly name: string })[] = [
  {
    name: 'counts the choices of biased experts in groups',
    ...{ tokens: 700, experts: 64, tensors: ['eScoreCorrectionBias'] },
    router: {
      ...{ topK: 6, scoringFunc: 'sigmoid', nGroup: 8, topkGroup: 3, groupScoreFunc: 'top2_sum' },
      ...{ normTopkProb: true, normEps: 1e-20, routedScalingFactor: 2.5 },
    },
  },
  {
    name: 'counts choices of which some are skipped',
    ...{ tokens: 900, experts: 20 },
    router: { topK: 3, normTopkProb: true, zeroExperts: { count: 7, kind: 'skip' } },
  },
  {
    name: 'counts choices of identity experts',
    ...{ tokens: 900, experts: 20, dtype: 'bfloat16', hidden: 8 },
    router: { topK: 3, zeroExperts: { count: 7, kind: 'identity' } },
  },
  {
    name: 'makes keys of rows that registers have no room for',
    ...{ tokens: 3, experts: 3000, tensors: ['eScoreCorrectionBias'] },
    router: { topK: 8, nGroup: 10, topkGroup: 4, groupScoreFunc: 'top2_sum' },
  },
  {
    name: 'makes keys for many choices',
    ...{ tokens: 5, experts: 96, gatingDtype: 'bfloat16', tensors: ['eScoreCorrectionBias'] },
    router: { topK: 40, scoringFunc: 'sqrtsoftplus', normTopkProb: true },
  },
  {
    name: 'makes keys for many groups',
    ...{ tokens: 5, experts: 100, gatingDtype: 'float16' },
    router: { topK: 5, nGroup: 50, topkGroup: 20, groupScoreFunc: 'max' },
  },
  {
    name: 'sums 65,536 equal terms',
    ...{ tokens: 2, experts: 65536, spread: 0 },
    router: { topK: 2 },
  },
  {
    name: 'drops from long queues',
    ...{ tokens: 1500, experts: 12, tensors: ['tokenMask'] },
    router: { topK: 2, expertCapacity: 150, dropPolicy: 'probs', normTopkProb: true, normBeforeDrop: true },
  },
  {
    name: 'weighs rows of odd numbers of bytes',
    ...{ tokens: 70, experts: 8, dtype: 'float16', hidden: 5 },
    router: { topK: 3, applyRouterWeightOnInput: true },
  },
];

it.each(PATHS)('$name', { timeout: 120_000 }, async (spec) => {
  const call = hostDispatch(7, spec);
  expect(await results(usual, call)).toEqual(await results(reference, call));
});

const GROUPS = { nGroup: 8, topkGroup: 3 } as const;
const NEAR: readonly (Partial<Router> & { readonly name: string })[] = [
  { name: 'no groups' },
  { name: 'groups by their two best', ...GROUPS, groupScoreFunc: 'top2_sum' },
  { name: 'groups by their best', ...GROUPS, groupScoreFunc: 'max' },
];

/** Sums of scores and biases that differ by 2^-24 to 2^-17, as much as near scores tell apart, more or less. */
describe.each([0, 34.5])('ranks close values of biased experts, biases of ±%d', (size) => {
  it.each(NEAR)('$name', { timeout: 120_000 }, async ({ name, ...options }) => {
    const router: Router = { topK: 6, scoringFunc: 'sigmoid', normTopkProb: true, ...options };
    const call = hostDispatch(3, { router, tokens: 300, experts: 64, tensors: ['eScoreCorrectionBias'] });
    const random = randomNumbers(11);
    const little = () => random() * 2 ** (-19 + Math.floor(random() * 3));
    const { gating, tensors } = call;
    for (let token = 0; token < 300; token++) {
      const logit = random() * 4 - 2;
      for (let e = 0; e < 64; e++) gating.data[64 * token + e] = logit + (token % 2) * little();
    }
    for (let e = 0; e < 64; e++)
      tensors.eScoreCorrectionBias.data[e] = (e % 2 === 0 ? size : -size) + little();
    expect(await results(usual, call)).toEqual(await results(reference, call));
  });
});

/**
 * Each token has groups that are kept for certain, that are dropped for certain, and between them some whose two best have sums
 * that differ by units of their last place: by none, by one, or by a little less than near sums tell apart.
 */
describe.each([6, 20])('ranks close groups of biased experts, %i choices', (topK) => {
  it.each(NEAR.slice(1))('$name', { timeout: 120_000 }, async ({ name, ...options }) => {
    const router: Router = { topK, scoringFunc: 'sigmoid', normTopkProb: true, ...options };
    const call = hostDispatch(3, { router, tokens: 600, experts: 64, tensors: ['eScoreCorrectionBias'] });
    const random = randomNumbers(12);
    const pick = (values: readonly number[]) => values[Math.floor(random() * values.length)];
    const { gating, tensors } = call;
    // The sigmoid of 0 is 1/2, so these sums are exact.
    for (let e = 0; e < 64; e++)
      tensors.eScoreCorrectionBias.data[e] = 0.25 + pick([0, 1, 2, 40, 41, 80, 81]) * 2 ** -23;
    for (let token = 0; token < 600; token++) {
      for (let group = 0; group < 8; group++) {
        const level = pick([-1, 0, 0, 0, 0, 1]);
        const best = [0, 1].map(() => Math.floor(random() * 8));
        for (let e = 0; e < 8; e++)
          gating.data[64 * token + 8 * group + e] = best.includes(e) ? level : -9 - random();
      }
    }
    expect(await results(usual, call)).toEqual(await results(reference, call));
  });
});

/** What moeDispatch gives, as words, and moeReduce of its rows. Rows behind the last expert's are left out. */
async function results(
  backend: WebGpuBackend | typeof reference,
  call: HostDispatch,
): Promise<Record<string, string>> {
  const tensor = ({ data, shape, dtype }: HostTensor): Tensor =>
    (backend as unknown as Backend).tensor(data as Float32Array, shape, dtype as 'float32');
  const x = tensor(call.x);
  const named = Object.fromEntries(
    Object.entries(call.tensors).map(([name, value]) => [name, tensor(value)]),
  );
  const dispatched = moeDispatch(x, tensor(call.gating), { router: call.router, ...named });
  const identity = call.router.zeroExperts?.kind === 'identity';
  const options = { ...(identity && { x }), routedScalingFactor: 1.5 };
  const reduced = moeReduce(dispatched.permuteInput, dispatched, options);
  const offsets = await dispatched.expertOffsets.read();
  const found: Record<string, string> = {};
  for (const [name, values] of Object.entries({ ...dispatched, reduced })) {
    const all = await (values as Tensor).read();
    const count = name === 'permuteInput' ? Number(offsets.at(-1)) * x.shape[1] : all.length;
    found[name] = words(all as Float32Array, count);
  }
  return found;
}

/** All NaNs are one. */
function words(values: Float32Array | Uint16Array | Int32Array | BigInt64Array, count: number): string {
  if (!(values instanceof Float32Array)) return values.slice(0, count).join(' ');
  const bits = new Uint32Array(values.buffer, values.byteOffset, count);
  return Array.from(bits, (word, i) => (Number.isNaN(values[i]) ? 'NaN' : word.toString(16))).join(' ');
}
