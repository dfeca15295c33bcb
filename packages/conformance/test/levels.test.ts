import { describe, expect, it } from 'vitest';
import { type HostTensor, hostTensor } from '../src/host-tensor.js';
import { agreementOf } from '../src/levels/agreement.js';
import { formatLevels, levelsByGroup, reaches, worse } from '../src/levels/levels.js';
import { expectRouting, type RoutingInputs, type RoutingMode } from '../src/oracle-router.js';
import { groupOf } from '../src/reports/matrix.js';
import { runConformance } from '../src/run.js';
import { reference } from './reference-backend.js';

/* python/tests/test_levels.py asks the same of the same rule. */

function logitsOf(rows: number[][]): RoutingInputs {
  const gatingOutput = hostTensor('float32', [rows.length, rows[0].length]);
  gatingOutput.data.set(rows.flat());
  return { gatingOutput };
}

// Experts 1 and 3 tie in the first token.
const TIES = logitsOf([
  [0, 2, 1, 2],
  [3, 1, 2, 0],
]);

function agreement(
  found: { experts?: number[]; weights?: (right: number[]) => number[] },
  inputs: RoutingInputs = TIES,
  mode: RoutingMode = { router: { topK: 2 } },
) {
  const expected = expectRouting(inputs, mode);
  const { experts = [...expected.topKIndices.data], weights = (right) => right } = found;
  return agreementOf(inputs, mode, expected, {
    topKIndices: Int32Array.from(experts),
    expertScalesFloat: Float32Array.from(weights([...expected.expertScalesFloat.data])),
  });
}

const swapped = ([a, b, c, d]: number[]) => [b, a, d, c];

describe('the level of a call', () => {
  it('is that of its worst token', () => {
    expect(agreement({})).toEqual({ routing: 'same bytes', weights: 'same bytes' });
    const scaled = (factor: number) =>
      agreement({ weights: (right) => right.map((weight) => weight * factor) });
    expect(scaled(1 + 1e-6)).toEqual({ routing: 'same experts and order', weights: 'within a bound' });
    expect(scaled(1.001)).toEqual({ routing: 'same experts and order', weights: 'none' });
    const other = { experts: [3, 1, 2, 0], weights: swapped };
    expect(agreement(other)).toEqual({ routing: 'same experts', weights: 'same bytes' });
    expect(agreement({ experts: other.experts }).weights).toBe('none');
  });

  it('is up to ties if the choice values are the same', () => {
    const one: RoutingMode = { router: { topK: 1 } };
    expect(agreement({ experts: [3, 0] }, TIES, one)).toEqual({
      routing: 'same up to ties',
      weights: 'same bytes',
    });
    expect(agreement({ experts: [2, 0] }, TIES, one).routing).toBe('none');
    for (const experts of [
      [1, 1, 0, 2],
      [1, 3, 0, 4],
      [1, -2, 0, 2],
      [1, -1, 0, 2],
    ]) {
      expect(agreement({ experts }).routing).toBe('none');
    }
  });

  it('is up to nearly equal sums of a score and a bias', () => {
    const bias = hostTensor('float32', [4]);
    bias.data[2] = 1e-8;
    const inputs = { ...logitsOf([[1, 2, 2, 0]]), eScoreCorrectionBias: bias };
    const mode: RoutingMode = { router: { topK: 1, scoringFunc: 'sigmoid' } };
    expect(agreement({ experts: [2] }, inputs, mode).routing).toMatch('same');
    expect(agreement({ experts: [0] }, inputs, mode).routing).toBe('none');
  });

  it('is safe or not where logits are no numbers, and where there is padding', () => {
    const hostile = logitsOf([
      [Number.NaN, 2, 1, 0],
      [3, Infinity, 2, 0],
    ]);
    expect(agreement({}, hostile)).toMatchObject({ safe: true });
    expect(agreement({ weights: (right) => right.map(() => Number.NaN) }, hostile)).toMatchObject({
      safe: false,
    });
    expect(agreement({ experts: [1, 7, 1, 0] }, hostile)).toMatchObject({ safe: false });
    const tokenMask: HostTensor<'uint8'> = { dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 0) };
    const padded = { ...TIES, tokenMask };
    expect(agreement({}, padded)).toMatchObject({ routing: 'same bytes', safe: true });
    expect(agreement({ experts: [1, 3, 0, 2] }, padded)).toMatchObject({ safe: false });
  });

  it('reaches those below it', () => {
    const near = { routing: 'same experts', weights: 'within a bound' } as const;
    expect(reaches(near, 'same up to ties')).toBe(true);
    expect(reaches(near, 'same experts')).toBe(true);
    expect(reaches(near, 'same experts and order')).toBe(false);
    expect(reaches({ ...near, weights: 'none' }, 'same up to ties')).toBe(false);
  });
});

it('a group reaches what its worst case does', () => {
  const a = { routing: 'same bytes', weights: 'same bytes', repeatable: true } as const;
  const b = { routing: 'same experts', weights: 'within a bound', safe: false } as const;
  expect(worse(a, b)).toEqual({
    routing: 'same experts',
    weights: 'within a bound',
    repeatable: true,
    safe: false,
  });
  const cases = [
    { id: 'errors/routers/x', agreement: b },
    { id: 'golden/a', agreement: a },
    { id: 'golden/b', agreement: b },
    { id: 'golden/c' },
  ];
  const levels = levelsByGroup([...cases, { id: 'generated/ties/d', agreement: a }], groupOf);
  expect(levels.map(({ group }) => group)).toEqual(['golden', 'generated/ties']);
  const all = [
    ...levels,
    { group: 'random', ...worse(a, b) },
    { group: 'generated/claims', repeatable: false },
  ];
  expect(formatLevels(all).split('\n')).toEqual([
    'routing same experts, weights within a bound, not safe: golden, random',
    'not repeatable: generated/claims',
  ]);
});

describe('a run', () => {
  // Of equal logits, the higher index first.
  const higher = reference({
    choose: (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a] || b - a).slice(0, count),
  });

  it('shows which level the backend reaches, group by group', async () => {
    const report = await runConformance(higher, { filter: 'generated/t' });
    expect(report.totals.failed).toBeGreaterThan(0);
    const levels = new Map(report.levels?.map(({ group, ...reached }) => [group, reached]));
    expect(levels.get('generated/tokens')).toMatchObject({ routing: 'same bytes', weights: 'same bytes' });
    expect(levels.get('generated/ties')).toMatchObject({ routing: 'same up to ties' });
  });

  it('passes what is as near as the backend declares', async () => {
    const strict = await runConformance(higher, { filter: 'golden/ties-e8-k3-f32' });
    expect(strict).toMatchObject({ totals: { failed: 1 } });
    const level = () => 'same up to ties' as const;
    const report = await runConformance(higher, { filter: 'generated/ties/', level });
    expect(report.backend.level).toBe('same up to ties');
    expect(report.totals.failed).toBe(0);
    expect(report.totals.passed).toBeGreaterThan(20);
  });
});
