import { moeReduce } from '@moe-dispatch/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CudaBackend, cuda } from '../../src/index.js';
import { disposeAll, Words } from '../support/problem.js';
import {
  drawReduce,
  emulateReduce,
  firstDifference,
  type ReduceProblem,
} from '../support/reduce-emulation.js';

const COUNT = Number(process.env.MOE_REDUCE_CASES ?? 600);
const BATCH = 100;

let backend: CudaBackend;
beforeAll(async () => {
  backend = await cuda().create();
});
afterAll(() => backend.dispose());

async function reduce(problem: ReduceProblem): Promise<Float32Array | Uint16Array> {
  const { dtype, tokens, hidden, experts, topK, normTopkProb, routedScalingFactor } = problem;
  const ffnOut = backend.tensor(problem.ffnOut as never, [topK * tokens, hidden], dtype as never);
  const scales = backend.tensor(problem.scales as never, [tokens, topK], 'float32' as never);
  const map = backend.tensor(problem.map as never, [topK, tokens], 'int32' as never);
  const indices = backend.tensor(problem.indices as never, [tokens, topK], 'int32' as never);
  const ffn2Bias = problem.bias && backend.tensor(problem.bias as never, [experts, hidden], dtype as never);
  const options = { normTopkProb, routedScalingFactor, ...(ffn2Bias && { ffn2Bias }) };
  const output = moeReduce(ffnOut, scales, map, indices, options);
  const values = (await output.read()) as Float32Array | Uint16Array;
  disposeAll(ffnOut, scales, map, indices, output, ffn2Bias ?? {});
  return values;
}

async function compare(seed: number, sizes: Partial<ReduceProblem> = {}): Promise<void> {
  const problem = drawReduce(new Words(seed), sizes);
  const found = await reduce(problem);
  const expected = emulateReduce(problem);
  const at = firstDifference(found, expected, problem.dtype);
  if (at < 0) return;
  const { dtype, tokens, hidden, experts, topK, normTopkProb, routedScalingFactor, bias } = problem;
  const call = { dtype, tokens, hidden, experts, topK, normTopkProb, routedScalingFactor, bias: !!bias };
  expect.fail(`seed ${seed}, element ${at}: ${found[at]}, not ${expected[at]}: ${JSON.stringify(call)}`);
}

for (let first = 1; first <= COUNT; first += BATCH) {
  const last = Math.min(COUNT, first + BATCH - 1);
  it(`moeReduce rounds each operation as the contract says, seeds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) await compare(seed);
    expect(backend.memory().liveTensors).toBe(0);
  });
}

it.each([1, 2])('many tokens of %i choices, whose rows are read in larger pieces', async (topK) => {
  for (let seed = 1; seed <= 4; seed++) await compare(seed, { tokens: 9000, hidden: 520, topK });
});

/** One token of one choice. */
const one = (scale: number, row: number, options: Partial<ReduceProblem>): ReduceProblem => ({
  ...{
    dtype: 'float32',
    tokens: 1,
    hidden: 4,
    experts: 1,
    topK: 1,
    normTopkProb: false,
    routedScalingFactor: 1,
  },
  ffnOut: new Float32Array(4).fill(row),
  scales: Float32Array.of(scale),
  map: Int32Array.of(0),
  indices: Int32Array.of(0),
  bias: undefined,
  ...options,
});
it.each([
  ['a tiny scale, normalised', one(3e-44, 1.2, { normTopkProb: true }), 1.2],
  ['a huge scale, normalised', one(1e20, 1e20, { normTopkProb: true }), 1e20],
  ['a scale of 0, normalised', one(0, 5, { normTopkProb: true }), 0],
  ['a huge factor', one(1e-38, 3, { routedScalingFactor: 1e38 }), Math.fround(Math.fround(1e-38) * 1e38) * 3],
  ['a tiny factor', one(1e20, 3, { routedScalingFactor: 1e-38 }), Math.fround(1e20 * Math.fround(1e-38)) * 3],
])('%s', async (_, problem, value) => {
  const found = await reduce(problem);
  expect(found).toEqual(emulateReduce(problem));
  expect(found[0]! / (value || 1)).toBeCloseTo(value === 0 ? 0 : 1, 5);
});
