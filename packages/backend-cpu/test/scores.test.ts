import { describe, expect, it } from 'vitest';
import { unitsOf } from '../src/scores.js';
import { agrees, type ScoreName } from './score-hashes.js';
import { expNeg, quotient32, sigmoid, sqrtsoftplus } from './scores-of-numbers.js';

const FLOAT32_MAX = 3.4028234663852886e38;
const SMALLEST = 2 ** -149;
const SCORES: Record<ScoreName, (x: number) => number> = {
  exp: (x) => Math.fround(expNeg(x < 0 ? -x : 0)),
  sigmoid,
  sqrtsoftplus,
};

describe('score functions', () => {
  // Inputs from -8 to -32, from 0.5 to 2, and from -2^-13 to -2^-15.
  it.each<[ScoreName, number]>([
    ['exp', 0xc1],
    ['sigmoid', 0xc1],
    ['sigmoid', 0x3f],
    ['sqrtsoftplus', 0x3f],
    ['sqrtsoftplus', 0xb8],
  ])('%s has the reference bits for all inputs of chunk %i', (name, chunk) => {
    expect(agrees(name, chunk, SCORES[name])).toBe(true);
  });

  it.each<[ScoreName, number, number]>([
    ['exp', 0, 1],
    ['exp', -0, 1],
    ['exp', -103.97208, SMALLEST],
    ['exp', -103.97209, 0],
    ['exp', -256, 0],
    ['exp', -FLOAT32_MAX, 0],
    ['sigmoid', 0, 0.5],
    ['sigmoid', -SMALLEST, 0.5],
    ['sigmoid', FLOAT32_MAX, 1],
    ['sigmoid', -FLOAT32_MAX, 0],
    ['sqrtsoftplus', 0, Math.fround(Math.sqrt(Math.LN2))],
    ['sqrtsoftplus', -0, Math.fround(Math.sqrt(Math.LN2))],
    ['sqrtsoftplus', -206, SMALLEST],
    ['sqrtsoftplus', -207.94, SMALLEST],
    ['sqrtsoftplus', -207.95, 0],
    ['sqrtsoftplus', -FLOAT32_MAX, 0],
    ['sqrtsoftplus', FLOAT32_MAX, Math.fround(Math.sqrt(FLOAT32_MAX))],
  ])('%s(%d) = %d', (name, x, expected) => {
    expect(SCORES[name](Math.fround(x))).toBe(expected);
  });

  it('units of exp are rounded down', () => {
    const units = unitsOf(expNeg(1));
    expect(Number.isInteger(units)).toBe(true);
    expect(Math.abs(units - Math.exp(-1) * 2 ** 31)).toBeLessThan(2);
    expect(unitsOf(expNeg(22))).toBe(0);
  });
});

describe('quotient32', () => {
  it('is rounded once, also from halfway between two floats and near it', () => {
    let seed = 1n;
    const random = (bits: bigint) => {
      seed = (seed * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
      return seed >> (64n - bits);
    };
    let ties = 0;
    for (let i = 0; i < 200_000; i++) {
      const divisor = (i % 5 === 0 ? 2n ** 31n : 2n ** 31n + random(31n)) << random(3n);
      const n = i % 3 === 0 ? random(8n) : 0n;
      // An odd number of half units in the last place, times the divisor, to the nearest integer or one beside it.
      const half = (2n ** 24n + random(24n)) | 1n;
      let m = (half * divisor) / 2n ** 25n;
      while (m >= 2n ** 32n) m >>= 1n;
      while (m < 2n ** 31n) m <<= 1n;
      if (i % 4 === 0) m = 2n ** 31n + random(31n);
      const { bits, tie } = roundedQuotient(m, divisor << n);
      ties += Number(tie);
      const found = quotient32(Number(m) * 2 ** (-31 - Number(n)), Number(divisor));
      if (found !== bits) expect.fail(`${m} / ${divisor} / 2^${n}: ${bits}, found ${found}`);
    }
    expect(ties).toBeGreaterThan(0);
  });
});

/** m / divisor < 2 as the nearest float32, and whether two are. */
function roundedQuotient(m: bigint, divisor: bigint): { bits: number; tie: boolean } {
  let exponent = 23n;
  while (exponent < 149n && m << exponent < divisor << 23n) exponent++;
  while (m << exponent >= divisor << 24n) exponent--;
  const scaled = (m << exponent) / divisor;
  const rest = 2n * ((m << exponent) % divisor);
  const up = rest > divisor || (rest === divisor && scaled % 2n === 1n);
  return { bits: Number(scaled + BigInt(up)) * 2 ** -Number(exponent), tie: rest === divisor };
}
