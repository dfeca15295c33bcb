import { type FloatDType, moeReduce, selectBackend } from '@moe-dispatch/core';
import { expect, it } from 'vitest';
import { type CpuBackend, cpu } from '../src/index.js';

const kernels = await selectBackend([cpu({ threads: 1 })]);
const scripted = await selectBackend([cpu({ simd: false })]);

/** Every word in each row, in another order, and five more. */
const HIDDEN = 65536 + 5;
const FACTORS = [1, 7919, 4243];
const WEIGHTS = [
  [1],
  [0.3],
  [-3.7],
  [60000],
  [1e-5],
  [1e-8],
  [1, -1],
  [2 ** -14, 0.5],
  [1 / 3, 1 / 7, 1 / 11],
];
const LARGEST = { float16: 0x7c00, bfloat16: 0x7f80 };

function sumsOf(backend: CpuBackend, dtype: FloatDType, weights: number[], withBias: boolean) {
  const topK = weights.length;
  const words = new Uint16Array(topK * HIDDEN);
  for (let i = 0; i < words.length; i++) words[i] = (i % HIDDEN) * FACTORS[Math.floor(i / HIDDEN)];
  const bias = backend.tensor(words.slice(0, HIDDEN).reverse(), [1, HIDDEN], dtype);
  const sums = moeReduce(
    backend.tensor(words, [topK, HIDDEN], dtype),
    backend.tensor([weights]),
    backend.tensor(Int32Array.from(words.subarray(0, topK).keys()), [topK, 1]),
    backend.tensor(new Int32Array(topK), [1, topK]),
    withBias ? { ffn2Bias: bias } : {},
  );
  return sums.data as Uint16Array;
}

it.each(
  (['float16', 'bfloat16'] as const).flatMap((dtype) => [false, true].map((bias) => ({ dtype, bias }))),
)('every word is summed as JavaScript does it: $dtype, bias $bias', ({ dtype, bias }) => {
  const isNotANumber = (word: number) => (word & 0x7fff) > LARGEST[dtype];
  for (const weights of WEIGHTS) {
    const expected = sumsOf(scripted, dtype, weights, bias);
    const found = sumsOf(kernels, dtype, weights, bias);
    const wrong = found.findIndex(
      (word, i) => word !== expected[i] && !(isNotANumber(word) && isNotANumber(expected[i])),
    );
    expect(wrong, `weights ${weights}, column`).toBe(-1);
  }
});
