import { describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps } from './reference-steps.js';

/** A fault, and a case that must fail because of it. */
const FAULTS: readonly [fault: string, steps: Partial<Steps>, caughtBy: string][] = [
  [
    'ties go to the higher expert',
    { choose: (row, count) => rank(row, (a, b) => row[b] - row[a] || b - a).slice(0, count) },
    'generated/ties/two-values,softmax',
  ],
  [
    'the last of more than 8192 choices are in no order',
    {
      choose: (row, count) => {
        const chosen = STEPS.choose(row, count);
        return [...chosen.slice(0, 8192), ...chosen.slice(8192).reverse()];
      },
    },
    'generated/experts/e=8216,k=8200',
  ],
  [
    '-0 ranks below +0',
    {
      choose: (row, count) => {
        const zero = (value: number) => (Object.is(value, -0) ? 0 : 1);
        return rank(row, (a, b) => row[b] - row[a] || zero(row[b]) - zero(row[a]) || a - b).slice(0, count);
      },
    },
    'generated/ties/both-zeros,softmax',
  ],
  [
    'ranking by rounded probabilities',
    {
      choose: (row, count) => {
        const max = Math.max(...row);
        const p = row.map((value) => Math.fround(Math.exp(value - max)));
        return rank(row, (a, b) => p[b] - p[a] || a - b).slice(0, count);
      },
    },
    'generated/special/underflow,softmax',
  ],
  [
    'subnormal gating values flushed to zero',
    { clean: (value, bits) => (Math.abs(value) < 2 ** -126 ? 0 : STEPS.clean(value, bits)) },
    'generated/special/subnormals,topk-only',
  ],
  [
    'NaN wins',
    { clean: (value, bits) => (Number.isNaN(value) ? Infinity : STEPS.clean(value, bits)) },
    'generated/special/nan-bits,softmax',
  ],
  [
    'a NaN with the sign bit is not seen as one',
    { clean: (value, bits) => (Number.isNaN(value) && bits >= 2 ** 31 ? 0 : STEPS.clean(value, bits)) },
    'generated/special/nan-bits,topk-only',
  ],
  [
    '-inf is not clamped',
    { clean: (value) => (Number.isNaN(value) ? -3.4e38 : value) },
    'generated/special/all-masked,softmax',
  ],
  [
    'group mode ignored for powers of two',
    {
      chooseGroups: (row, groups, steps) =>
        Number.isInteger(Math.log2(row.length))
          ? steps.choose(row, groups)
          : STEPS.chooseGroups(row, groups, steps),
    },
    'generated/group/e=8,k=4',
  ],
  [
    'wrong group offset',
    {
      chooseGroups: (row, groups, steps) =>
        STEPS.chooseGroups(row, groups, steps).map((expert) => (expert + row.length / groups) % row.length),
    },
    'golden/group-e12-k3-f32',
  ],
  [
    'a scale off by 1e-5',
    { softmax: (row, chosen) => STEPS.softmax(row, chosen).map((p) => p * (1 + 1e-5)) },
    'golden/softmax-e8-k2-f32',
  ],
  [
    'exp and quotients in float64, rounded once',
    {
      softmax: (row, chosen) => {
        const max = row.reduce((a, b) => Math.max(a, b));
        const sum = row.reduce((total, value) => total + Math.exp(value - max), 0);
        return chosen.map((i) => Math.fround(Math.exp(row[i] - max) / sum));
      },
    },
    'generated/experts/e=8,k=8',
  ],
  [
    'softmax without subtracting the maximum',
    {
      softmax: (row, chosen) => {
        const terms = row.map((value) => Math.fround(Math.exp(value)));
        const sum = terms.reduce((a, b) => a + b);
        return chosen.map((i) => terms[i] / sum);
      },
    },
    'generated/special/large-offset,softmax',
  ],
  [
    'a long sum in float32, one by one',
    {
      softmax: (row, chosen) => {
        const max = row.reduce((a, b) => Math.max(a, b));
        const terms = row.map((value) => Math.fround(Math.exp(value - max)));
        const sum = terms.reduce((a, b) => Math.fround(a + b));
        return chosen.map((i) => terms[i] / sum);
      },
    },
    'generated/softmax-accuracy/e=8192,one-large',
  ],
  ['-0 becomes +0', { gatingScale: (value) => value + 0 || 0 }, 'generated/ties/both-zeros,topk-only'],
  ['unstable order', { order: (pairs) => STEPS.order([...pairs].reverse()) }, 'golden/softmax-e16-k4-f32'],
  [
    'order by choice before token',
    { order: (pairs) => STEPS.order([...pairs].sort((a, b) => a.choice - b.choice)) },
    'generated/tokens/t=33',
  ],
  ['prefix sum in place of counts', { prefixSumAsCounts: true }, 'golden/softmax-e8-k2-bf16'],
  [
    'a dropped token',
    { copyRow: (source, target, offset, token) => (token === 7 ? undefined : target.set(source, offset)) },
    'generated/out/moeDispatch,dtype=float32',
  ],
  [
    'the last odd byte is not copied',
    { copyRow: (source, target, offset) => target.set(source.subarray(0, source.length & ~1), offset) },
    'generated/rows/dtype=uint8,d=3',
  ],
  [
    'rows are padded to 4 bytes',
    {
      copyRow: (source, target, offset) => {
        const end = Math.min((offset + source.length + 3) & ~3, target.length);
        target.fill(0, offset, end).set(source, offset);
      },
    },
    'generated/rows/dtype=float16,d=3',
  ],
  [
    'signalling NaNs become quiet',
    {
      copyRow: (source, target, offset, _, dtype) => {
        const row = source.slice();
        const bits = dtype === 'float32' ? new Uint32Array(row.buffer) : [];
        for (let i = 0; i < bits.length; i++) if ((bits[i] & 0x7fffffff) > 0x7f800000) bits[i] |= 0x400000;
        target.set(row, offset);
      },
    },
    'generated/rows/nan-payloads,dtype=float32',
  ],
  ['wrap copies', { wrapCopies: true }, 'generated/wrap/outputs'],
  ['read() gives the live memory', { readShares: true }, 'generated/lifetime/tensor-copies'],
  ['dispose() clears borrowed memory', { disposeClears: true }, 'generated/wrap/memory-is-borrowed'],
];

function rank(row: readonly number[], compare: (a: number, b: number) => number): number[] {
  return row.map((_, expert) => expert).sort(compare);
}

describe('the suite', () => {
  it('passes a backend without faults', async () => {
    const report = await runConformance(reference());
    expect(report.cases.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(report.totals.passed).toBeGreaterThan(700);
  }, 180_000);

  it.each(FAULTS)('notices: %s', async (_, steps, caughtBy) => {
    const report = await runConformance(reference(steps), { filter: caughtBy });
    expect(report.cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} failed`]);
    expect(report.cases[0].differences.length).toBeGreaterThan(0);
  });
});
