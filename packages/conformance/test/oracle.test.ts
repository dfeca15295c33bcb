import { describe, expect, it } from 'vitest';
import { decode, encode, FLOAT_FORMATS, roundTo } from '../src/float-formats.js';
import { expectDispatch, expectPlan, expectRows } from '../src/oracle.js';
import { expectReduce } from '../src/oracle-reduce.js';
import { f32, i32 } from './host-tensors.js';

const { float16, bfloat16, float32 } = FLOAT_FORMATS;

/* All expectations here are computed by hand. */

describe('expectPlan', () => {
  it('sorts by expert, then token, then choice', () => {
    const plan = expectPlan(i32([3, 2], 2, 0, 0, 0, 2, 1), 4);
    expect([...plan.tokenNumsPerExpert.data]).toEqual([3n, 1n, 2n, 0n]);
    expect([...plan.expertOffsets.data]).toEqual([0, 3, 4, 6, 6]);
    // [K, T]: first choices of tokens 0, 1, 2, then the second ones.
    expect([...plan.permuteIndicesPerToken.data]).toEqual([4, 1, 5, 0, 2, 3]);
  });

  it('gives no row to choices that go nowhere, and to zero experts', () => {
    const plan = expectPlan(i32([3, 2], 2, -1, 0, 3, -1, 0), 4, 1);
    expect([...plan.tokenNumsPerExpert.data]).toEqual([2n, 0n, 1n]);
    expect([...plan.expertOffsets.data]).toEqual([0, 2, 2, 3]);
    expect([...plan.permuteIndicesPerToken.data]).toEqual([2, 0, -1, -1, -1, 1]);
  });
});

describe('expectDispatch', () => {
  it('copies rows to where the plan says', () => {
    const gating = f32([1, 2, 2], 1, 0, 0, 1);
    const x = f32([1, 2, 2], 1, 2, 3, 4);
    const { permuteInput } = expectDispatch({ x, gatingOutput: gating }, { moeTopk: 2 });
    expect(permuteInput).toEqual(f32([4, 2], 1, 2, 3, 4, 1, 2, 3, 4));
  });

  it('weighs rows on their way, in float32, rounded to the dtype', () => {
    const map = i32([2, 1], 1, 0);
    expect(expectRows(f32([1, 2], 1, -3), map, f32([1, 2], 0.5, 2))).toEqual(f32([2, 2], 2, -6, 0.5, -1.5));
    // 1 + 2^-7 in bfloat16; its half and a third of it, to the nearest of 8 bits.
    const x = { data: Uint16Array.of(0x3f81), shape: [1, 1], dtype: 'bfloat16' as const };
    const rows = expectRows(x, map, f32([1, 2], 0.5, 1 / 3));
    expect([...decode('bfloat16', rows.data as Uint16Array<ArrayBuffer>)]).toEqual([
      roundTo(bfloat16, (1 + 2 ** -7) / 3),
      (1 + 2 ** -7) / 2,
    ]);
  });
});

describe('expectReduce', () => {
  const input = {
    ffnOut: f32([4, 1], 1, 2, 3, 4),
    expertScalesFloat: f32([2, 2], 0.5, 0.25, 1, -1),
    permuteIndicesPerToken: i32([2, 2], 0, 3, 2, 1),
    topKIndices: i32([2, 2], 0, 1, 1, 0),
  };

  it('sums scaled rows', () => {
    const { exact, values, magnitudes } = expectReduce(input);
    expect([...exact]).toEqual([...values]);
    expect([...values]).toEqual([0.5 * 1 + 0.25 * 3, 4 - 2]);
    expect([...magnitudes]).toEqual([1.25, 6]);
  });

  it('adds the bias, normalises and multiplies; no weight gives 0', () => {
    const options = { ffn2Bias: f32([2, 1, 1], 10, 20), normTopkProb: true, routedScalingFactor: 3 };
    const { exact, values } = expectReduce({ ...input, ...options });
    expect(values[0]).toBeCloseTo((3 * (0.5 * 11 + 0.25 * 23)) / 0.75, 12);
    expect(values[1]).toBe(0);
    // 0.5/0.75 and 0.25/0.75 as float32 are 11184811 and 11184811 / 2 of 2^-24, each rounded again after · 3.
    const [w0, w1] = [33554432 * 2 ** -24, 16777216 * 2 ** -24];
    expect(exact[0]).toBe(w0 * 11 + w1 * 23);
    expect(exact[1]).toBe(0);
  });

  it('rounds every operation to float32, and the result once', () => {
    const ulp = 2 ** -23;
    const one = (rows: number[], scales: number[], more: object = {}) => {
      const [topK, indices] = [rows.length, rows.map((_, i) => i)];
      const call = {
        ffnOut: f32([topK, 1], ...rows),
        expertScalesFloat: f32([1, topK], ...scales),
        permuteIndicesPerToken: i32([topK, 1], ...indices),
        topKIndices: i32([1, topK], ...indices),
      };
      return expectReduce({ ...call, ...more }).exact[0];
    };
    // 2^24 + 1 is no float32, so that both ones are lost in this order, and not in the other.
    expect(one([2 ** 24, 1, 1], [1, 1, 1])).toBe(2 ** 24);
    expect(one([1, 1, 2 ** 24], [1, 1, 1])).toBe(2 ** 24 + 2);
    // (1 + ulp)² = 1 + 2·ulp + ulp²: the last term is lost before the sum, where a fused operation keeps it.
    expect(one([-(1 + 2 * ulp), 1 + ulp], [1, 1 + ulp])).toBe(0);
    expect(one([1], [1], { ffn2Bias: f32([1, 1], ulp / 2) })).toBe(1);
    expect(one([1, 1], [1e30, 1e30], { routedScalingFactor: 1e38 })).toBe(Infinity);
    expect(one([1, 1], [3e38, 3e38], { normTopkProb: true })).toBe(0);
    expect(one([Infinity, 1], [0, 0], { normTopkProb: true })).toBeNaN();
    expect(one([2 ** -149], [2 ** 20])).toBe(2 ** -129);
  });

  it('adds nothing for a choice without a row, or x if an identity expert has it', () => {
    const without = { ...input, permuteIndicesPerToken: i32([2, 2], 0, -1, -1, 1) };
    expect([...expectReduce(without).exact]).toEqual([0.5, -2]);
    const x = f32([2, 1], 100, 200);
    expect([...expectReduce({ ...without, x }).exact]).toEqual([25.5, 198]);
    const nowhere = { ...without, x, topKIndices: i32([2, 2], 0, -1, 1, 0) };
    expect([...expectReduce(nowhere).exact]).toEqual([0.5, 198]);
  });

  it('takes rows that came weighed as they are', () => {
    const options = { applyRouterWeightOnInput: true, routedScalingFactor: 3 };
    expect([...expectReduce({ ...input, ...options }).exact]).toEqual([12, 18]);
  });

  it('leaves out rows and experts out of range', () => {
    const outside = { ...input, permuteIndicesPerToken: i32([2, 2], 0, -1, 9, 1) };
    expect([...expectReduce(outside).exact]).toEqual([0.5, -2]);
    const experts = { ...input, topKIndices: i32([2, 2], 0, 2, 1, -1), ffn2Bias: f32([2, 1], 0, 0) };
    expect([...expectReduce(experts).exact]).toEqual([0.5, 4]);
  });
});

describe('float formats', () => {
  it('round to nearest, ties to even', () => {
    expect([2049, 2051, 2049.1].map((v) => roundTo(float16, v))).toEqual([2048, 2052, 2050]);
    expect([65504, 65519.99, 65520, -1e9].map((v) => roundTo(float16, v))).toEqual([
      65504,
      65504,
      Infinity,
      -Infinity,
    ]);
    expect([2 ** -24, 2 ** -25, 1.5 * 2 ** -25].map((v) => roundTo(float16, v))).toEqual([
      2 ** -24,
      0,
      2 ** -24,
    ]);
    expect([257, 259].map((v) => roundTo(bfloat16, v))).toEqual([256, 260]);
    for (const v of [0.1, 1e-45, 3e-40, 1e38, 3.4028235677973366e38, -7e-46]) {
      expect(roundTo(float32, v)).toBe(Math.fround(v));
    }
  });

  it('encode what they decode', () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const words = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
      const numbers = decode(dtype, words);
      const others = [...encode(dtype, numbers)].filter((word, i) => word !== i);
      expect(others.every((word) => Number.isNaN(decode(dtype, Uint16Array.of(word))[0]))).toBe(true);
      expect(others).toHaveLength([...numbers].filter(Number.isNaN).length - 1);
    }
    expect([...encode('float16', [2049, 65520, -(2 ** -25), Number.NaN])]).toEqual([
      0x6800, 0x7c00, 0x8000, 0x7e00,
    ]);
  });

  it('decode every kind of word', () => {
    const words = [0x0000, 0x8000, 0x0001, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e01];
    expect([...decode('float16', Uint16Array.from(words))]).toEqual([
      0,
      -0,
      2 ** -24,
      1,
      -2,
      65504,
      Infinity,
      -Infinity,
      Number.NaN,
    ]);
    expect([...decode('bfloat16', Uint16Array.of(0x3f80, 0x0001, 0xff80, 0x7fc0))]).toEqual([
      1,
      2 ** -133,
      -Infinity,
      Number.NaN,
    ]);
  });
});
