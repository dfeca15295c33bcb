import { createHash } from 'node:crypto';
import {
  type FloatDType,
  float32ToBfloat16,
  float32ToFloat16,
  moeDispatch,
  moeReduce,
  selectBackend,
} from '@moe-dispatch/core';
import { expect, it, vi } from 'vitest';
import { type CpuBackend, cpu } from '../src/index.js';
import { oddLogits, randomNumbers, randomRouting } from './random-routing.js';

// Calls of any size are shared here.
vi.mock(import('../src/sharing.js'), () => ({ LEAST_SHARED: 1, CHUNKS_PER_THREAD: 8 }) as never);

const CASES = 10_000;
const DTYPES: FloatDType[] = ['float32', 'float16', 'bfloat16'];

const ways = {
  'WebAssembly, one thread': await selectBackend([cpu({ threads: 1 })]),
  'WebAssembly, three threads': await selectBackend([cpu({ threads: 3 })]),
  JavaScript: await selectBackend([cpu({ simd: false })]),
};

/** In the backend's memory, or in ours. */
function place(backend: CpuBackend, values: Float32Array, shape: number[], dtype: FloatDType, ours: boolean) {
  const convert = { float32: (v: Float32Array) => v, float16: float32ToFloat16, bfloat16: float32ToBfloat16 };
  const data = convert[dtype](values);
  return ours ? backend.wrap(data, shape, dtype) : backend.tensor(data as never, shape, dtype);
}

/** The hash of all results of a random dispatch and reduce, but for what is undefined and the bits of NaN. */
async function hashOf(backend: CpuBackend, seed: number): Promise<string> {
  const random = randomNumbers(seed);
  const integer = (most: number) => Math.floor(random() * (most + 1));
  const tokens = 1 + integer(40);
  const hidden = 1 + integer(random() < 0.1 ? 700 : 40);
  const numExperts = 1 + integer(random() < 0.2 ? 200 : 20);
  const [dtype, gatingDtype] = [DTYPES[integer(2)], DTYPES[integer(2)]];
  const rows = oddLogits(random, tokens, hidden);
  const x = place(backend, rows, [tokens, hidden], dtype, random() < 0.2);
  const logits = oddLogits(random, tokens, numExperts);
  const gating = place(backend, logits, [tokens, numExperts], gatingDtype, random() < 0.2);
  const options = randomRouting(random, numExperts, tokens, backend);
  const out = moeDispatch(x, gating, options);
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, expertOffsets } = out;
  const withBias = random() < 0.4;
  const ffn2Bias = withBias
    ? place(backend, oddLogits(random, numExperts, hidden), [numExperts, hidden], dtype, random() < 0.2)
    : undefined;
  const sums = moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, {
    ...(ffn2Bias && { ffn2Bias }),
    ...(random() < 0.3 && { x }),
    normTopkProb: random() < 0.5,
    routedScalingFactor: random() < 0.5 ? 2.5 : 1,
  });
  const hash = createHash('sha256');
  const used = expertOffsets.data.at(-1)! * hidden;
  hash.update(permuteInput.data.slice(0, used) as Uint16Array);
  for (const tensor of [topKIndices, expertScalesFloat, permuteIndicesPerToken, expertOffsets]) {
    hash.update(tensor.data.slice());
  }
  hash.update(out.tokenNumsPerExpert.data.slice());
  // A NaN may be any.
  hash.update((await sums.toNumbers()).map((sum) => (Object.is(sum, -0) ? '-0' : sum)).join());
  for (const tensor of [x, gating, sums, ffn2Bias]) tensor?.dispose();
  out.dispose();
  return hash.digest('hex');
}

it(`${CASES} random calls give the same bytes in each way`, { timeout: 3_000_000 }, async () => {
  for (let seed = 1; seed <= CASES; seed++) {
    const hashes = await Promise.all(Object.values(ways).map((backend) => hashOf(backend, seed)));
    expect(hashes, `seed ${seed} of ${Object.keys(ways)}`).toEqual(new Array(3).fill(hashes[0]));
  }
});
