import { expect, it } from 'vitest';
import { agrees, type ScoreName } from './score-hashes.js';
import { expNeg, sigmoid, sqrtsoftplus } from './scores-of-numbers.js';

/** From 2^-33 to 512, where the functions are neither constant nor a plain root, and some chunks outside. */
const TELLING = Array.from({ length: 21 }, (_, i) => 0x2f + i);
const SIZES = [0x00, 0x17, ...TELLING, 0x5a, 0x7f];

it.each<[ScoreName, (x: number) => number]>([
  ['exp', (x) => Math.fround(expNeg(x < 0 ? -x : 0))],
  ['sigmoid', sigmoid],
  ['sqrtsoftplus', sqrtsoftplus],
])(
  '%s has the reference bits for all inputs of 50 chunks',
  (name, score) => {
    const chunks = [...SIZES, ...SIZES.map((size) => size | 0x80)];
    expect(chunks.filter((chunk) => !agrees(name, chunk, score))).toEqual([]);
  },
  600_000,
);
