import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  isMoeDispatchError,
} from '../src/index.js';

const ALL_WORDS = Uint16Array.from({ length: 65536 }, (_, word) => word);

/** The value of a 16-bit float, from its definition. */
function wordValue(word: number, exponentBits: number): number {
  const mantissaBits = 15 - exponentBits;
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word & 0x7fff) >> mantissaBits;
  const mantissa = (word & ((1 << mantissaBits) - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** (1 - bias) : sign * (1 + mantissa) * 2 ** (exponent - bias);
}

const isNaNWord = (word: number, exponentBits: number) => Number.isNaN(wordValue(word, exponentBits));

describe.each([
  { name: 'float16', exponentBits: 5, widen: float16ToFloat32, round: float32ToFloat16 },
  { name: 'bfloat16', exponentBits: 8, widen: bfloat16ToFloat32, round: float32ToBfloat16 },
])('$name', ({ exponentBits, widen, round }) => {
  it('widens every word to its value', () => {
    const values = widen(ALL_WORDS);
    for (const word of ALL_WORDS) {
      if (!Object.is(values[word], wordValue(word, exponentBits))) {
        expect.fail(`word ${word} became ${values[word]}, not ${wordValue(word, exponentBits)}`);
      }
    }
  });

  it('gives every word back, NaNs as NaNs with their sign and the top of their payload', () => {
    const back = round(widen(ALL_WORDS));
    const quiet = 1 << (14 - exponentBits);
    for (const word of ALL_WORDS) {
      const expected = isNaNWord(word, exponentBits) ? word | quiet : word;
      if (back[word] !== expected) expect.fail(`word ${word} came back as ${back[word]}`);
    }
  });

  it('rounds to nearest, ties to even, between all neighbouring words', () => {
    const finite = ALL_WORDS.filter(
      (word) => word < 0x8000 && Number.isFinite(wordValue(word, exponentBits)),
    );
    const lower = finite.slice(0, -1);
    const middles = Float32Array.from(lower, (word) => {
      return (wordValue(word, exponentBits) + wordValue(word + 1, exponentBits)) / 2;
    });
    const bits = new Uint32Array(middles.buffer);
    const below = round(new Float32Array(bits.map((b) => b - 1).buffer));
    const tie = round(middles);
    const above = round(new Float32Array(bits.map((b) => b + 1).buffer));
    const negative = round(middles.map((value) => -value));
    for (let i = 0; i < lower.length; i++) {
      const even = lower[i] + (lower[i] & 1);
      const found = [below[i], tie[i], above[i], negative[i]];
      const expected = [lower[i], even, lower[i] + 1, even | 0x8000];
      if (found.some((word, j) => word !== expected[j])) expect.fail(`${expected} became ${found}`);
    }
  });

  it('rounds to infinity from half a step above the largest value on', () => {
    const largest = wordValue(((2 ** exponentBits - 1) << (15 - exponentBits)) - 1, exponentBits);
    const step = largest - wordValue(((2 ** exponentBits - 1) << (15 - exponentBits)) - 2, exponentBits);
    const limit = new Float32Array([largest + step / 2]);
    const under = new Float32Array(new Uint32Array(limit.buffer).map((b) => b - 1).buffer);
    const infinity = (2 ** exponentBits - 1) << (15 - exponentBits);
    expect([...round(limit)]).toEqual([infinity]);
    expect([...round(under)]).toEqual([infinity - 1]);
    expect([...round(new Float32Array([Infinity, -Infinity, 3.4e38]))]).toEqual([
      infinity,
      infinity | 0x8000,
      infinity,
    ]);
  });
});

describe('arguments', () => {
  it('converts into a given array and leaves its rest alone', () => {
    const target = new Uint16Array(3).fill(7);
    expect(float32ToBfloat16(new Float32Array([1, -0]), target)).toBe(target);
    expect([...target]).toEqual([0x3f80, 0x8000, 7]);
  });

  it.each([
    ['values', 'INVALID_ARGUMENT', () => float32ToFloat16([1] as never)],
    ['values', 'INVALID_ARGUMENT', () => float32ToBfloat16(null as never)],
    ['words', 'INVALID_ARGUMENT', () => bfloat16ToFloat32({ length: -1 } as never)],
    ['target', 'INVALID_ARGUMENT', () => float16ToFloat32(new Uint16Array(1), new Float64Array(1) as never)],
    ['target', 'BUFFER_TOO_SMALL', () => float32ToFloat16(new Float32Array(2), new Uint16Array(1))],
  ])('names %s in %s', (argument, code, call) => {
    let error: unknown;
    try {
      call();
    } catch (caught) {
      error = caught;
    }
    expect(isMoeDispatchError(error)).toBe(true);
    expect(error).toMatchObject({ code, argument });
  });
});
