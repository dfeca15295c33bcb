import { expect, it } from 'vitest';
import { agrees, type ScoreName } from './score-hashes.js';
import { expNeg, sigmoid, sqrtsoftplus } from './scores-of-numbers.js';

/** Of inputs near 2^-13, 2^-1, 4 and 32; 50 chunks were compared once, and take minutes. */
const SIZES = [0x39, 0x3f, 0x40, 0x42];

it.each<[ScoreName, (x: number) => number]>([
  ['exp', (x) => Math.fround(expNeg(x < 0 ? -x : 0))],
  ['sigmoid', sigmoid],
  ['sqrtsoftplus', sqrtsoftplus],
])(
  '%s has the reference bits for all inputs of eight chunks',
  (name, score) => {
    const chunks = [...SIZES, ...SIZES.map((size) => size | 0x80)];
    expect(chunks.filter((chunk) => !agrees(name, chunk, score))).toEqual([]);
  },
  600_000,
);
