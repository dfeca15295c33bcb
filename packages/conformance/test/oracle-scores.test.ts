import { describe, expect, it } from 'vitest';
import { sigmoid, softmaxOf, sqrtsoftplus } from '../src/oracle-scores.js';
import { ulpError } from '../src/ulp-histogram.js';

const LOGITS = Array.from({ length: 4001 }, (_, i) => Math.fround((i - 2000) ** 3 / 8e7 + i / 4e4));

/** The largest distance from the true value, which is known to float64, in units of the last place. */
function worst(found: (x: number) => number, truth: (x: number) => number): number {
  // ulpError counts from the nearest float32; half a unit more is the worst that can lie between.
  return Math.max(...LOGITS.map((x) => ulpError('float32', truth(x), found(x))));
}

describe('score functions', () => {
  it('are the nearest float32 or the one after it', () => {
    expect(worst(sigmoid, (x) => 1 / (1 + Math.exp(-x)))).toBeLessThanOrEqual(1);
    const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    expect(worst(sqrtsoftplus, (x) => Math.sqrt(softplus(x)))).toBeLessThanOrEqual(1);
    expect(
      worst(
        (x) => softmaxOf([x, 0])(0),
        (x) => 1 / (1 + Math.exp(-x)),
      ),
    ).toBeLessThanOrEqual(1);
  });

  it('are exact where the value is known', () => {
    expect([sigmoid(0), sigmoid(-0), sigmoid(40), sigmoid(-200), sqrtsoftplus(-400)]).toEqual([
      0.5, 0.5, 1, 0, 0,
    ]);
    expect(sqrtsoftplus(1e30)).toBe(Math.fround(Math.sqrt(Math.fround(1e30))));
    expect(softmaxOf([7, 7, 7])(1)).toBe(Math.fround(1 / 3));
    expect(softmaxOf([3e38, -3e38])(0)).toBe(1);
    expect(softmaxOf([3e38, -3e38])(1)).toBe(0);
  });

  it('never fall where the logit rises', () => {
    for (const score of [sigmoid, sqrtsoftplus]) {
      const fell = LOGITS.slice(1).filter((x, i) => score(x) < score(LOGITS[i]));
      expect(fell).toEqual([]);
    }
  });

  it('keep subnormal results', () => {
    expect(sigmoid(-103)).toBe(Math.fround(Math.exp(-103)));
    expect(sqrtsoftplus(-206)).toBe(2 ** -149);
  });
});
