import { describe, expect, it } from 'vitest';
import { type CaseResult, runConformance } from '../src/index.js';
import { formatFailure } from '../src/report-text.js';
import { formatTotals } from '../src/triage.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps } from './reference-steps.js';

/* Each stage is judged on what it was given: a fault in one is reported under that one alone. */

const FAULTS: readonly [operation: string, fault: string, steps: Partial<Steps>][] = [
  ['routeTokens', 'the worst come first', { choose: (row, count) => STEPS.choose(row, count).reverse() }],
  [
    'routeTokens',
    'scales off by 1e-5',
    { softmax: (row, chosen) => STEPS.softmax(row, chosen).map((p) => p * (1 + 1e-5)) },
  ],
  ['planDispatch', 'unstable order', { order: (pairs) => STEPS.order([...pairs].reverse()) }],
  ['planDispatch', 'prefix sums as counts', { prefixSumAsCounts: true }],
  ['planDispatch', 'a row for two pairs', { rowOf: (position) => (position === 1 ? 0 : position) }],
  [
    'permuteRows',
    'a dropped token',
    { copyRow: (source, target, offset, token) => (token === 2 ? undefined : target.set(source, offset)) },
  ],
  [
    'moeReduce',
    'results off by 1e-6',
    { roundResult: (values) => values.map((value) => value * (1 + 1e-6)) },
  ],
];

/** Every kind of case that looks at results. */
const GROUPS = [
  'golden/group-e6-k2-f16',
  'generated/tokens/t=33',
  'generated/shapes',
  'generated/stages',
  'generated/plan/repeated-experts',
  'generated/permute',
  'generated/reduce/round-trip',
  'generated/reduce/cancellation',
  'generated/out',
  'generated/wrap',
  'generated/prepared/interleaved',
  'generated/lifetime',
  'generated/two-backends',
  'errors/moeDispatch/x-null',
  'random/seed=2',
];

async function failures(steps: Partial<Steps>): Promise<CaseResult[]> {
  const runs = GROUPS.map((filter) => runConformance(reference(steps), { filter, random: 2 }));
  const cases = (await Promise.all(runs)).flatMap((report) => report.cases);
  return cases.filter(({ status }) => status === 'failed');
}

describe('a fault is reported under its own stage alone', () => {
  it.each(FAULTS)('%s: %s', async (operation, _, steps) => {
    const failed = await failures(steps);
    expect(failed.length).toBeGreaterThan(3);
    const named = failed.flatMap(({ id, differences }) => differences.map((found) => [id, found.operation]));
    expect(named.filter(([, found]) => found !== operation)).toEqual([]);
    expect(failed.filter(({ differences }) => differences.length === 0)).toEqual([]);
  });
});

describe('a stage whose input is not well-formed', () => {
  it('is not judged, and the failure says so once', async () => {
    const report = await runConformance(reference({ rowOf: (position) => (position === 1 ? 0 : position) }), {
      filter: 'generated/prepared/t=2050',
    });
    const [result] = report.cases;
    expect(result.notJudged).toEqual([
      {
        operation: 'permuteRows',
        reason: expect.stringMatching(/^run 0: permuteIndicesPerToken has 0 twice$/),
      },
    ]);
    const text = formatFailure(result);
    expect(text.match(/was not judged/g)).toHaveLength(1);
    expect(text).toContain('  permuteRows was not judged: run 0: permuteIndicesPerToken has');
  });

  it('is not judged: choices that are no experts', async () => {
    const choose: Steps['choose'] = (row, count) =>
      STEPS.choose(row, count).map((expert, k) => (k === 1 ? 99 : expert));
    const steps = { choose, rowOf: () => 0, unchecked: true };
    const { cases } = await runConformance(reference(steps), { filter: 'generated/tokens/t=33' });
    expect(cases[0].notJudged?.map(({ operation }) => operation)).toEqual(['planDispatch', 'permuteRows']);
    expect(cases[0].notJudged?.[0].reason).toBe('moeDispatch: topKIndices has 99, of 8 experts');
    expect(new Set(cases[0].differences.map(({ operation }) => operation))).toEqual(new Set(['routeTokens']));
  });
});

it('the end of a run says what its failures are put down to', async () => {
  const report = await runConformance(reference({ prefixSumAsCounts: true }), {
    filter: 'generated/tokens/',
  });
  expect(formatTotals(report).split('\n')).toContain(
    '  planDispatch  15  generated/tokens 15; first: generated/tokens/t=1',
  );
});
