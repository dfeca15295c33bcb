import { readFileSync } from 'node:fs';
import type { FloatDType } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import * as bounds from '../src/bounds.js';
import { Random } from '../src/cases/data.js';

/* What the contract page says of bounds is what the checker uses. */

const page = readFileSync(new URL('../../../docs/semantics.md', import.meta.url), 'utf8');
const section = page.slice(page.indexOf('## Bounds'), page.indexOf("## Where Paddle's kernels differ"));

type Values = Record<'w' | 'gap' | 'K' | 'M' | 'u' | 's' | 'ulp' | 'largest', number>;

/** The formula of the page with these numbers. */
function ofPage(name: string, values: Values & { sumBound?: number }): number {
  const formula = new RegExp(`^    ${name} = (.+)$`, 'm').exec(section)![1];
  const code = formula
    .replaceAll('−', '-')
    .replaceAll('·', '*')
    .replaceAll('÷', '/')
    .replaceAll('^', '**')
    .replaceAll('max(', 'Math.max(')
    .replaceAll(/\|(\w+)\|/g, 'Math.abs($1)');
  return new Function(...Object.keys(values), `return ${code};`)(...Object.values(values));
}

/** u and s, as the page has them in words. */
const DTYPES: readonly [FloatDType, u: number, s: number][] = [
  ['float32', 2 ** -24, 2 ** -149],
  ['float16', 2 ** -11, 2 ** -24],
  ['bfloat16', 2 ** -8, 2 ** -133],
];

describe.each(DTYPES)('the bounds of the contract page, %s', (dtype, u, s) => {
  it('are those of the checker, to the last term', () => {
    const random = new Random(dtype);
    for (let i = 0; i < 1000; i++) {
      const any = () => random.pick([1, -1]) * 10 ** (random.uniform() * 80 - 45);
      const [w, gap, M] = [any(), Math.abs(any()), Math.abs(any())];
      const [K, ulp, largest] = [1 + random.below(12), Math.abs(any()), Math.abs(any())];
      const values = { w, gap, K, M, u, s, ulp, largest };
      const sumBound = ofPage('sumBound', values);
      expect(sumBound).toBe(bounds.sumBound(M, K));
      expect(ofPage('pairBound', { ...values, sumBound })).toBe(bounds.pairBound(M, K, ulp));
      expect(ofPage('weightBound', values)).toBe(bounds.weightBound(w, gap));
      expect(ofPage('paddleBound', values)).toBe(bounds.paddleBound(M, K, dtype));
      expect(ofPage('recordedWeightBound', values)).toBe(bounds.recordedWeightBound(w));
      expect(ofPage('recordedSumBound', values)).toBe(bounds.recordedSumBound(largest));
    }
  });

  it('have the numbers of the dtype', () => {
    const words = `2^−${-Math.log2(u)} and 2^−${-Math.log2(s)} for ${dtype}`;
    expect(section.replaceAll(/\s+/g, ' ')).toContain(words);
  });
});

it('the page names every bound that the checker has', () => {
  const named = Array.from(section.matchAll(/^ {4}(\w+) = /gm), ([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(bounds).sort());
});
