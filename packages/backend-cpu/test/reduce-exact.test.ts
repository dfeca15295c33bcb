import { type FloatDType, moeReduce, selectBackend } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { cpu } from '../src/index.js';

const backend = await selectBackend([cpu()]);

interface Sum {
  scales: number[];
  rows: number[];
  normTopkProb?: boolean;
  routedScalingFactor?: number;
  dtype?: FloatDType;
}

/** One token of one element. */
async function reduce({ scales, rows, dtype = 'float32', ...options }: Sum): Promise<number> {
  const K = scales.length;
  const output = moeReduce(
    backend.tensor(rows, [K, 1], dtype),
    backend.tensor([scales]),
    backend.tensor(Int32Array.from(rows.keys()), [K, 1]),
    backend.tensor(new Int32Array(K), [1, K]),
    options,
  );
  return (await output.toNumbers())[0];
}

// docs/semantics.md, "moeReduce": each operation is rounded to float32.
describe('moeReduce', () => {
  it('divides each scale, then sums', async () => {
    const [a, b] = [Math.fround(0.3), Math.fround(0.1)];
    const n = Math.fround(a + b);
    const weights = [Math.fround(a / n), Math.fround(b / n)];
    const sum = Math.fround(Math.fround(weights[0] * 3) + Math.fround(weights[1] * 7));
    expect(await reduce({ scales: [a, b], rows: [3, 7], normTopkProb: true })).toBe(sum);
  });

  it('rounds the share before the factor', async () => {
    const share = Math.fround(1 / 3);
    const factor = Math.fround(2.5);
    expect(await reduce({ scales: [1, 2], rows: [1, 0], normTopkProb: true, routedScalingFactor: 2.5 })).toBe(
      Math.fround(share * factor),
    );
  });

  it.each<[string, Sum, number]>([
    ['tiny scales', { scales: [3e-44], rows: [1.2], normTopkProb: true }, Math.fround(1.2)],
    ['huge scales and rows', { scales: [1e20], rows: [1e20], normTopkProb: true }, Math.fround(1e20)],
    ['scales that sum to 0', { scales: [1, -1], rows: [5, 5], normTopkProb: true }, 0],
    [
      'scales that sum to 0, and an infinite row',
      { scales: [0], rows: [Number.POSITIVE_INFINITY], normTopkProb: true },
      Number.NaN,
    ],
    ['a sum of scales that overflows', { scales: [3e38, 3e38], rows: [1, 1], normTopkProb: true }, 0],
    [
      'a factor of 1e38',
      { scales: [1e-38], rows: [3], routedScalingFactor: 1e38 },
      Math.fround(Math.fround(Math.fround(1e-38) * Math.fround(1e38)) * 3),
    ],
  ])('of %s', async (_name, sum, expected) => {
    expect(await reduce(sum)).toBe(expected);
  });
});
