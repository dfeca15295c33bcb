import { describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import { UlpHistograms, ulpError } from '../src/ulp-histogram.js';
import { reference } from './reference-backend.js';
import { STEPS } from './reference-steps.js';

describe('ulpError', () => {
  it.each([
    ['the correctly rounded value', 'float32', 0.1, Math.fround(0.1), 0],
    ['the number after it', 'float32', 1 + 2 ** -30, 1 + 2 ** -23, 1],
    ['the number below a power of two', 'float32', 1, 1 - 2 ** -24, 0.5],
    ['a half rounded to odd', 'bfloat16', 1 + 2 ** -8, 1 + 2 ** -7, 1],
    ['float16', 'float16', 3, 3 + 3 * 2 ** -9, 3],
    ['a subnormal flushed to zero', 'float16', 5 * 2 ** -24, 0, 5],
    ['something where 0 is right', 'float16', 0, 2 ** -24, 1],
    ['-0 where 0 is right', 'float32', 0, -0, 0],
    ['overflow too early', 'float16', 65504, Infinity, 1],
    ['no overflow', 'float16', 1e6, 65504, 1],
    ['overflow where it is right', 'float16', -1e6, -Infinity, 0],
  ] as const)('%s', (_, dtype, exact, found, ulp) => {
    expect(ulpError(dtype, exact, found)).toBe(ulp);
  });

  it('has no distance to NaN', () => {
    expect(ulpError('float32', 1, Number.NaN)).toBeNaN();
  });
});

describe('UlpHistograms', () => {
  it('counts each element once, by result', () => {
    const histograms = new UlpHistograms();
    for (const ulp of [0, 0, 1, 3, 4, 5, 1024, 1025, 5000]) {
      histograms.add('b', 'float32', 1, 1 + ulp * 2 ** -23);
    }
    histograms.add('a', 'float16', 1, 1);
    histograms.add('a', 'float16', 1, Number.NaN);
    const [a, b] = histograms.toReport();
    const counts = [2, 1, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2];
    expect(b).toMatchObject({ tensor: 'b', largest: 5000 });
    expect(b.buckets.map(({ count }) => count)).toEqual(counts);
    expect(b.buckets.map(({ ulp }) => ulp).slice(-3)).toEqual([512, 1024, null]);
    expect(a.buckets.map(({ count }) => count)).toEqual([1, ...new Array(12).fill(0)]);
  });
});

describe('the report', () => {
  it('tells how far a wrong scale lies off', async () => {
    const options = { filter: 'golden/softmax-e8-k2-f32' };
    const right = await runConformance(reference(), options);
    const names = ['expertScalesFloat', 'output float32'];
    expect(right.errors.map(({ tensor }) => tensor)).toEqual(names);
    expect(right.errors[0].largest).toBeLessThanOrEqual(1);
    const wrong = reference({
      softmax: (row, chosen) => STEPS.softmax(row, chosen).map((p) => p * (1 + 1e-5)),
    });
    const { errors } = await runConformance(wrong, options);
    // 1e-5 is 84 to 168 units of 2^-23.
    expect(errors[0].largest).toBeGreaterThan(80);
    expect(errors[0].largest).toBeLessThan(170);
  });

  it('holds the choices of a small dispatch, not of a large one', async () => {
    const { cases } = await runConformance(reference(), { filter: 'golden/' });
    const routing = (id: string) => cases.find((result) => result.id === id)?.routing;
    const small = routing('golden/softmax-e3-k2-f32')!;
    expect(small.numExperts).toBe(3);
    expect(small.topKIndices.length).toBeGreaterThan(0);
    for (const choices of small.topKIndices) {
      expect(choices).toHaveLength(2);
      expect(new Set(choices).size).toBe(2);
      expect(choices.every((expert) => expert >= 0 && expert < 3)).toBe(true);
    }
    expect(routing('golden/doc-example-softmax')).toBeUndefined();
  });

  it('draws the smallest call of a failing random case', async () => {
    const broken = reference({ choose: (row, count) => STEPS.choose(row, count).fill(0) });
    const report = await runConformance(broken, { filter: 'random/', random: 6 });
    const failed = report.cases.find(({ status }) => status === 'failed')!;
    const [, tokens] = /gatingOutput \w+ \[(?:1, )?(\d+), /.exec(failed.differences[0].case)!;
    expect(failed.routing?.topKIndices).toHaveLength(Number(tokens));
  });
});
