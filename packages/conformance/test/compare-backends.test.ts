import { checkUsable } from '@moe-dispatch/core/backend';
import { describe, expect, it } from 'vitest';
import { type CompareOptions, compareBackends } from '../src/index.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps } from './reference-steps.js';

/** A fault of B, the result it shows in, and what is known of the smallest call that shows it. */
const FAULTS: readonly [fault: string, steps: Partial<Steps>, tensor: string, smallest: object][] = [
  [
    'unstable order',
    { order: (pairs) => STEPS.order([...pairs].reverse()) },
    'permuteIndicesPerToken',
    { tokens: 2, hidden: 0, topK: 1, perChoice: 1, extra: 0 },
  ],
  [
    'prefix sum in place of counts',
    { prefixSumAsCounts: true },
    'tokenNumsPerExpert',
    { tokens: 1, hidden: 0, topK: 1 },
  ],
  [
    'a dropped token',
    { copyRow: (source, target, offset, token) => (token === 7 ? undefined : target.set(source, offset)) },
    'permuteInput',
    { tokens: 8, hidden: 1, topK: 1, perChoice: 1, extra: 0 },
  ],
  [
    'NaN wins',
    { clean: (value, bits) => (Number.isNaN(value) ? Infinity : STEPS.clean(value, bits)) },
    'topKIndices',
    // Which tokens hold a NaN depends on the data, so that fewer tokens or shorter rows need not fail.
    { bias: 'none', normTopkProb: false },
  ],
  [
    'a scale off by 1e-5',
    { softmax: (row, chosen) => STEPS.softmax(row, chosen).map((p) => p * (1 + 1e-5)) },
    'expertScalesFloat',
    { tokens: 1, hidden: 0, topK: 1, perChoice: 1, extra: 0 },
  ],
  [
    'no normalisation',
    { weigh: (scales, _, factor) => STEPS.weigh(scales, false, factor) },
    'output',
    { tokens: 1, hidden: 1, normTopkProb: true },
  ],
  [
    'multiplication and addition fused',
    { addTerm: (sum, weight, value, bias) => Math.fround(sum + weight * Math.fround(value + bias)) },
    'output',
    { bias: 'none' },
  ],
  [
    'results off by 1e-4',
    { roundResult: (values) => values.map((value) => value * (1 + 1e-4)) },
    'output',
    { tokens: 1, hidden: 1, topK: 1, perChoice: 1 },
  ],
];

describe('compareBackends', () => {
  it('lets equal backends agree, over all modes, dtypes and shapes', async () => {
    const done: number[] = [];
    const onCase = (count: number, total: number) => done.push(total - count);
    const report = await compareBackends(reference(), reference(), { cases: 150, seed: 7, onCase });
    expect(report).toMatchObject({
      complete: true,
      seed: 7,
      totals: { agreed: 150, failed: 0, notClaimed: 0 },
      failures: [],
      backends: [{ name: 'reference' }, { name: 'reference' }],
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(done.at(-1)).toBe(0);
    const names = ['expertScalesFloat', 'output bfloat16', 'output float16', 'output float32'];
    expect(report.errors.map(({ tensor }) => tensor)).toEqual(names);
    for (const { largest, buckets } of report.errors) {
      expect(largest).toBe(0);
      expect(buckets[0].count).toBeGreaterThan(1000);
    }
  });

  it('takes scales within the bound, and sums of a backend that is not exact', async () => {
    const steps = {
      softmax: (row: readonly number[], chosen: readonly number[]) =>
        STEPS.softmax(row, chosen).map((p) => p * (1 + 1.5e-6)),
      roundResult: (values: Float32Array<ArrayBuffer>) => values.map((value) => value * (1 + 2 ** -24)),
    };
    const close = reference(steps, { exact: false });
    const { totals, errors } = await compareBackends(reference(), close, { cases: 60 });
    expect(totals.failed).toBe(0);
    expect(errors[0].largest).toBeGreaterThan(10);
  });

  it.each(FAULTS)('finds and minimises: %s', async (_, steps, tensor, smallest) => {
    const stop = new AbortController();
    const onCase: CompareOptions['onCase'] = (_done, _total, failure) => failure && stop.abort();
    const options = { cases: 120, onCase, signal: stop.signal };
    const { failures, totals } = await compareBackends(reference(), reference(steps), options);
    expect(totals.failed).toBe(1);
    const [{ seed, call, differences }] = failures;
    expect(call).toMatchObject(smallest);
    expect(differences.map((difference) => difference.tensor)).toContain(tensor);
    const again = await compareBackends(reference(), reference(steps), { cases: 1, seed });
    expect(again.failures).toEqual(failures);
  });

  it('ends after ten failures', async () => {
    const faulty = reference({ prefixSumAsCounts: true });
    const report = await compareBackends(reference(), faulty, { cases: 100 });
    expect(report.complete).toBe(false);
    expect(report.failures).toHaveLength(10);
    expect(report.totals.failed).toBe(10);
    expect(report.totals.agreed).toBeLessThan(50);
  });

  it('says which of the two threw, and on which call', async () => {
    const chooseGroups = () => {
      throw new RangeError('too many groups');
    };
    const { failures } = await compareBackends(reference({ chooseGroups }), reference(), { cases: 20 });
    expect(failures[0]).toMatchObject({
      call: { tokens: 1, hidden: 0 },
      differences: [],
      error: { backend: 'A', message: 'RangeError: too many groups' },
    });
  });

  it('compares what both claim', async () => {
    const limits = { maxTensorBytes: 2 ** 30, maxExperts: 40 };
    const b = reference({}, { dtypes: ['float32', 'int32', 'int64', 'uint8'], limits });
    const { totals, errors } = await compareBackends(reference(), b, { cases: 50 });
    expect(totals.failed).toBe(0);
    expect(totals.notClaimed).toBeGreaterThan(10);
    expect(totals.agreed).toBe(50 - totals.notClaimed);
    expect(errors.map(({ tensor }) => tensor)).toEqual(['expertScalesFloat', 'output float32']);
  });

  it('stops when it is told to, and disposes only backends that it made', async () => {
    const stop = new AbortController();
    const own = await reference().create();
    const onCase = (done: number) => {
      if (done === 3) stop.abort();
    };
    const report = await compareBackends(own, reference(), { cases: 50, signal: stop.signal, onCase });
    expect(report).toMatchObject({ complete: false, totals: { agreed: 3, failed: 0, notClaimed: 0 } });
    expect(() => checkUsable(own)).not.toThrow();
    expect(own.memory().liveTensors).toBe(0);
  });
});
