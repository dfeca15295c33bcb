import { bfloat16FromBits } from '@moe-dispatch/core/backend';
import { expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps, sumOf } from './reference-steps.js';

/** A fault of moeReduce, and a case that must fail because of it. */
const FAULTS: readonly [fault: string, steps: Partial<Steps>, caughtBy: string][] = [
  [
    'no normalisation',
    { weigh: (scales, _, factor) => STEPS.weigh(scales, false, factor) },
    'golden/softmax-e8-k2-f32',
  ],
  [
    'scales summed in float64',
    { weigh: normalising((scales) => scales.reduce((sum, scale) => sum + scale, 0)) },
    'generated/reduce/scales-that-cancel-in-float32,norm,dtype=float32',
  ],
  [
    '0 / 0 in a token without weight',
    {
      weigh: (scales, norm, factor) =>
        norm && sumOf(scales) === 0 ? scales.map(() => Number.NaN) : STEPS.weigh(scales, norm, factor),
    },
    'generated/reduce/zero-scales,norm,dtype=float32',
  ],
  [
    'multiplication and addition fused',
    { addTerm: (sum, weight, value, bias) => Math.fround(sum + weight * Math.fround(value + bias)) },
    'generated/reduce/dtype=float32,bias=none,norm=false',
  ],
  [
    'sums in float64',
    { addTerm: (sum, weight, value, bias) => sum + weight * (value + bias) },
    'generated/reduce/dtype=float32,bias=none,norm=false',
  ],
  [
    'a bias added in float64',
    { addTerm: (sum, weight, value, bias) => Math.fround(sum + Math.fround(weight * (value + bias))) },
    'generated/reduce/dtype=float32,bias=2d,norm=false',
  ],
  [
    'divided by the sum of the scales at the end',
    {
      weigh: (scales, _, factor) => STEPS.weigh(scales, false, factor),
      finish: (sum, scales, norm) => (norm ? sum / sumOf(scales) : sum),
    },
    'generated/reduce/one-choice,bias,norm,dtype=float32',
  ],
  [
    'divided at the end, in float64',
    {
      weigh: (scales, _, factor) => STEPS.weigh(scales, false, factor),
      addTerm: (sum, weight, value, bias) => sum + weight * (value + bias),
      finish: (sum, scales, norm) => (norm ? sum / sumOf(scales) : sum),
    },
    'generated/reduce/dtype=float32,bias=none,norm=true',
  ],
  [
    'multiplied by the reciprocal of the sum',
    {
      weigh: (scales, norm, factor) =>
        norm
          ? scales.map((scale) => Math.fround(scale * Math.fround(1 / sumOf(scales)) * factor))
          : STEPS.weigh(scales, norm, factor),
    },
    'generated/reduce/tiny-scales,norm,dtype=float32',
  ],
  [
    'subnormal rows flushed to zero',
    {
      addTerm: (sum, weight, value, bias) =>
        STEPS.addTerm(sum, weight, Math.abs(value) < 2 ** -126 ? 0 : value, bias),
    },
    'generated/reduce/subnormal-rows,huge-scales,dtype=float32',
  ],
  [
    'a result off by 1e-6',
    { roundResult: (values) => values.map((value) => value * (1 + 1e-6)) },
    'generated/reduce/dtype=float32,bias=none,norm=false',
  ],
  [
    'results rounded to bfloat16',
    {
      roundResult: (values) => {
        const bits = new Uint32Array(values.buffer);
        for (let i = 0; i < bits.length; i++) bits[i] = bfloat16FromBits(bits[i]) << 16;
        return values;
      },
    },
    'generated/reduce/dtype=float16,bias=none,norm=false',
  ],
  [
    'results truncated, not rounded',
    {
      roundResult: (values) => {
        const bits = new Uint32Array(values.buffer);
        for (let i = 0; i < bits.length; i++) bits[i] &= 0xffff0000;
        return values;
      },
    },
    'generated/reduce/dtype=bfloat16,bias=none,norm=false',
  ],
  [
    'subnormal results flushed to zero',
    { roundResult: (values) => values.map((value) => (Math.abs(value) < 2 ** -14 ? 0 : value)) },
    'generated/reduce/subnormal-results,dtype=float16',
  ],
  [
    'overflow clamped to the largest number',
    { roundResult: (values) => values.map((value) => Math.min(Math.max(value, -65504), 65504)) },
    'generated/reduce/near-overflow,dtype=float16',
  ],
  [
    'NaN results become 0',
    { roundResult: (values) => values.map((value) => (Number.isNaN(value) ? 0 : value)) },
    'generated/reduce/nan,dtype=float32',
  ],
];

/** With another way to sum the scales. */
function normalising(total: (scales: readonly number[]) => number): Steps['weigh'] {
  return (scales, norm, factor) => {
    if (!norm) return STEPS.weigh(scales, norm, factor);
    const sum = total(scales);
    return scales.map((scale) => (sum === 0 ? 0 : Math.fround(Math.fround(scale / sum) * factor)));
  };
}

it.each(FAULTS)('notices: %s', async (_, steps, caughtBy) => {
  const report = await runConformance(reference(steps), { filter: caughtBy });
  expect(report.cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} failed`]);
  expect(report.cases[0].differences.length).toBeGreaterThan(0);
});
