import { describe, expect, it } from 'vitest';
import { compareExact, compareFloats, compareScales } from '../src/compare.js';
import { compareGoldenReduce, compareReduce } from '../src/compare-reduce.js';
import { FLOAT_FORMATS, roundTo } from '../src/float-formats.js';
import type { ExpectedReduce } from '../src/oracle-reduce.js';

const place = { case: 'c', tensor: 't' };
const floats = (...values: number[]) => Float32Array.from(values);
const nan = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer);
const f32 = (data: Float32Array<ArrayBuffer>) => ({ data, shape: [data.length], dtype: 'float32' as const });

describe('compareExact', () => {
  it('names the elements that differ, and counts them', () => {
    const data = new Int32Array(12);
    const found = data.slice();
    for (const i of [1, 5, 6, 7, 8, 11]) found[i] = i;
    const differences = compareExact(place, found, { data, shape: [2, 2, 3], dtype: 'int32' });
    expect(differences).toHaveLength(4);
    expect(differences[1]).toEqual({ ...place, index: [0, 1, 2], expected: '0', found: '5', count: 6 });
  });

  it('tells NaN payloads, zeros and lengths apart', () => {
    expect(compareExact(place, nan(0x7f800001), f32(nan(0x7f800001)))).toEqual([]);
    expect(compareExact(place, nan(0x7fc00001), f32(nan(0x7f800001)))[0]).toMatchObject({
      expected: 'NaN (0x7f800001)',
      found: 'NaN (0x7fc00001)',
    });
    expect(compareExact(place, floats(0), f32(floats(-0)))[0].expected).toBe('-0 (0x80000000)');
    expect(compareExact(place, floats(1, 2), f32(floats(1)))[0]).toMatchObject({
      index: [],
      expected: '1 elements',
      found: '2 elements',
    });
  });

  it('compares int64', () => {
    const expected = { data: BigInt64Array.of(1n, 2n), shape: [2], dtype: 'int64' as const };
    expect(compareExact(place, BigInt64Array.of(1n, 3n), expected)[0]).toMatchObject({
      index: [1],
      found: '3',
    });
  });
});

describe('compareFloats', () => {
  const check = (found: number, value: number) =>
    compareFloats(place, floats(found), f32(floats(value))).length;

  it('wants every bit, but for those of NaNs', () => {
    expect([check(-0, -0), check(0, -0), check(2 ** -149, 2 ** -149), check(1 + 2 ** -23, 1)]).toEqual([
      0, 1, 0, 1,
    ]);
    expect(compareFloats(place, nan(0x7f800001), f32(nan(0xffc00000)))).toEqual([]);
    expect([check(Number.NaN, 1), check(1, Number.NaN)]).toEqual([1, 1]);
  });

  it('leaves out what nobody defines', () => {
    const differences = compareFloats(place, floats(1, 2, 3), f32(floats(1, 0, 0)), (i) => i < 2);
    expect(differences.map(({ index }) => index)).toEqual([[1]]);
  });
});

describe('compareScales', () => {
  const check = (found: number, value: number, gap = 0) =>
    compareScales(place, floats(found), f32(floats(value)), Float64Array.of(gap)).length;

  it('allows 2e-6, and more for a rounded g - max', () => {
    expect([check(0.25 * (1 + 1.9e-6), 0.25), check(0.25 * (1 + 2.2e-6), 0.25)]).toEqual([0, 1]);
    expect([check(0.25 * (1 - 2.2e-6), 0.25), check(0.25 * (1 + 4e-6), 0.25, 20)]).toEqual([1, 0]);
    expect(check(0.25 * (1 + 5e-6), 0.25, 20)).toBe(1);
  });

  it('allows 1e-37 absolute, and never NaN or infinity', () => {
    expect([check(0, 9e-38), check(0, 2e-37), check(Number.NaN, 0.5), check(Infinity, 0.5)]).toEqual([
      0, 1, 1, 1,
    ]);
  });

  it('takes infinity and NaN where they are right', () => {
    expect([check(Infinity, Infinity), check(Number.NaN, Number.NaN), check(-Infinity, Infinity)]).toEqual([
      0, 0, 1,
    ]);
  });

  it("holds Paddle's scales to the same bound", () => {
    const golden = { data: floats(0.5), shape: [1, 1], dtype: 'float32' as const };
    const count = (found: number) => compareScales(place, floats(found), golden, Float64Array.of(0)).length;
    expect([count(0.5 * (1 + 1.8e-6)), count(0.5 * (1 + 1e-5))]).toEqual([0, 1]);
  });
});

describe('compareReduce, for a backend that is not exact', () => {
  const expected = (
    dtype: ExpectedReduce['dtype'],
    value: number,
    magnitude = Math.abs(value),
    topK = 2,
  ): ExpectedReduce => ({
    exact: Float64Array.of(roundTo(FLOAT_FORMATS[dtype], value)),
    values: Float64Array.of(value),
    magnitudes: Float64Array.of(magnitude),
    shape: [1, 1],
    topK,
    dtype,
  });
  const word = (bits: number) => Uint16Array.of(bits);
  const f16 = (bits: number, value: number, magnitude?: number) =>
    compareReduce(place, word(bits), expected('float16', value, magnitude), false).length;

  it('float32: K·2^-23 of the sum of magnitudes, and half a step', () => {
    const f32 = (found: number, value: number, magnitude?: number) =>
      compareReduce(place, floats(found), expected('float32', value, magnitude), false).length;
    expect([f32(1, 1), f32(1 + 2 ** -22, 1), f32(1 + 3 * 2 ** -23, 1)]).toEqual([0, 0, 1]);
    expect([f32(1e-6, 0, 1e3), f32(1e-6, 0, 1)]).toEqual([0, 1]);
  });

  it('float16: one rounding, whose boundary the error may move', () => {
    // 0x3c00 is 1, 0x3c01 the next one, at 1 + 2^-10.
    expect([f16(0x3c00, 1), f16(0x3c01, 1), f16(0x3c00, 1 + 0.49 * 2 ** -10)]).toEqual([0, 1, 0]);
    expect([f16(0x3c01, 1 + 0.49 * 2 ** -10), f16(0x3c00, 1 + 0.51 * 2 ** -10)]).toEqual([1, 1]);
    // Half-way: both neighbours are within the error, the next ones are not.
    const half = 1 + 0.5 * 2 ** -10;
    expect([f16(0x3c00, half), f16(0x3c01, half), f16(0x3c02, half), f16(0x3bff, half)]).toEqual([
      0, 0, 1, 1,
    ]);
  });

  it('overflow exactly where it can happen', () => {
    expect([f16(0x7c00, 65520), f16(0x7bff, 65520), f16(0x7c00, 65000), f16(0x7bff, 70000)]).toEqual([
      0, 0, 1, 1,
    ]);
    expect([f16(0x7c00, 70000), f16(0xfc00, 70000)]).toEqual([0, 1]);
  });

  it('subnormals to one rounding', () => {
    expect([f16(0x0001, 2 ** -24), f16(0x0000, 2 ** -24), f16(0x0000, 2 ** -26)]).toEqual([0, 1, 0]);
  });

  it('NaN and infinities only where they belong', () => {
    const [NAN, INF] = [Number.NaN, Infinity];
    expect([f16(0x7e00, NAN), f16(0x7d01, NAN), f16(0x3c00, NAN), f16(0x7e00, 1)]).toEqual([0, 0, 1, 1]);
    expect([f16(0x7c00, INF), f16(0xfc00, INF), f16(0x7bff, INF), f16(0x7e00, INF)]).toEqual([0, 1, 1, 1]);
    expect([f16(0x7c00, 1), f16(0x0000, NAN)]).toEqual([1, 1]);
  });

  it('of an exact backend wants every bit, but those of NaNs', () => {
    const f32 = (found: Float32Array<ArrayBuffer>, value: number) =>
      compareReduce(place, found, expected('float32', value)).length;
    expect([f32(floats(1), 1), f32(floats(1 + 2 ** -23), 1), f32(floats(0), -0)]).toEqual([0, 1, 1]);
    expect([f32(nan(0xffc12345), Number.NaN), f32(floats(Infinity), Infinity)]).toEqual([0, 0]);
    const [difference] = compareReduce(place, floats(2), expected('float32', -0));
    expect(difference).toMatchObject({ expected: '-0', found: '2 (0x40000000)' });
  });

  it("allows Paddle's K + 2 roundings", () => {
    const golden = { data: word(0x3c00), shape: [1, 1], dtype: 'float16' as const };
    const count = (bits: number) =>
      compareGoldenReduce(place, word(bits), golden, expected('float16', 1)).length;
    // Two choices: 4 roundings of 2^-11 each, that is two steps of 2^-10.
    expect([count(0x3c02), count(0x3c03), count(0x7e00)]).toEqual([0, 1, 1]);
  });
});
