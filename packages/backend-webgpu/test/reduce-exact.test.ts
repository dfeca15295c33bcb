import { type FloatDType, moeReduce } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { WebGpuBackend } from '../src/webgpu-backend.js';
import { exactSums, type HostReduce, narrow, randomNumbers, randomReduce, widen } from './exact-sums.js';
import { limitedDevice } from './limited-device.js';
import { newDevice } from './require-gpu.js';

const CALLS = 60;

const device = await newDevice();
const large = limitedDevice(device, { limits: { maxStorageBufferBindingSize: 2048 } });
/** The last two are right on any device whose normal floats are. */
const backends: readonly [string, WebGpuBackend, readonly FloatDType[]][] = [
  ['as the device is asked', await webgpu({ device }).create(), ['float32', 'float16', 'bfloat16']],
  ['with tensors larger than a binding', await webgpu({ device: large }).create(), ['bfloat16']],
  [
    'checked for subnormals',
    new WebGpuBackend(device, false, undefined, 'normal floats'),
    ['float32', 'bfloat16'],
  ],
  ['in integers', new WebGpuBackend(device, false, undefined, 'integers'), ['float32', 'bfloat16']],
];

describe.each(backends)('moeReduce is exact to the bit, %s', (_, backend, dtypes) => {
  it.each(dtypes)('for random calls in %s', async (dtype) => {
    for (let seed = 1; seed <= CALLS; seed++) {
      const call = randomReduce(dtype, seed);
      const { tokens, hidden, topK, norm, factor, bias } = call;
      const what = { seed, tokens, hidden, topK, norm, factor, bias: bias !== null };
      expect(await mistakes(backend, call), JSON.stringify(what)).toEqual([]);
    }
  });

  it.each(dtypes)('for a choice with a bias and norm, in %s', async (dtype) => {
    const random = randomNumbers(7);
    const values = (count: number) => Float32Array.from({ length: count }, () => random() * 4 - 2);
    const call = oneChoice(dtype, values(64 * 100), values(100), 0.37, true);
    expect(await mistakes(backend, call)).toEqual([]);
  });

  it.each([
    ['the smallest scales, with norm', 3e-44, 1, 0, true],
    ['products that overflow', 1e20, 1e20, 0, false],
    ['normalised before anything overflows', 3e38, 3e38, 0, true],
    ['a subnormal sum times a large weight', 1e38, 1e-40, -3e-40, false],
    ['a subnormal times a large weight', 1e38, 3e-45, 0, false],
    ['scales of 0, with norm', 0, 1, 2, true],
    ['infinity times a subnormal weight', 1e-40, Number.POSITIVE_INFINITY, 0, false],
  ])('for %s', async (_, scale, x, b, norm) => {
    const call = oneChoice('float32', new Float32Array(64).fill(x), Float32Array.of(b), scale, norm);
    expect(await mistakes(backend, call)).toEqual([]);
  });
});

/** Tokens that have one choice, of the only expert. */
function oneChoice(
  dtype: FloatDType,
  rows: Float32Array,
  bias: Float32Array,
  scale: number,
  norm: boolean,
): HostReduce {
  const hidden = bias.length;
  const tokens = rows.length / hidden;
  return {
    ...{ dtype, tokens, hidden, experts: 1, topK: 1, norm, factor: 1 },
    ...{ rows: narrow(dtype, rows), bias: narrow(dtype, bias) },
    scales: new Float32Array(tokens).fill(scale),
    map: Int32Array.from({ length: tokens }, (_, i) => i),
    choices: new Int32Array(tokens),
  };
}

/** The first values that are wrong. */
async function mistakes(backend: WebGpuBackend, call: HostReduce): Promise<string[]> {
  const { dtype, tokens, hidden, experts, topK, norm, factor } = call;
  const inputs = [
    backend.tensor(call.rows as never, [topK * tokens, hidden], dtype),
    backend.tensor(call.scales, [tokens, topK], 'float32'),
    backend.tensor(call.map, [topK, tokens], 'int32'),
    backend.tensor(call.choices, [tokens, topK], 'int32'),
  ] as const;
  const bias = call.bias && backend.tensor(call.bias as never, [experts, hidden], dtype);
  const output = moeReduce(...inputs, {
    ...(bias && { ffn2Bias: bias }),
    ...{ normTopkProb: norm, routedScalingFactor: factor },
  });
  const found = (await output.read()) as Float32Array | Uint16Array;
  for (const tensor of [...inputs, bias, output]) tensor?.dispose();
  const expected = exactSums(call);
  const [isValue, shouldBe] = [found, expected].map((values) => widen(dtype, values));
  const wrong: string[] = [];
  for (let i = 0; i < shouldBe.length; i++) {
    if (!Object.is(isValue[i], shouldBe[i])) wrong.push(`${i}: ${shouldBe[i]}, found ${isValue[i]}`);
  }
  return wrong.slice(0, 3);
}
