import { describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.js';
import { sigmoid } from '../src/oracle-scores.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps } from './reference-steps.js';

/** A mistake in a router, and a case that must fail because of it. */
const FAULTS: readonly [fault: string, steps: Partial<Steps>, caughtBy: string][] = [
  [
    'a given expert out of range is one like the others',
    { isExpert: (id) => id !== -1 },
    'generated/indices/given,capacity',
  ],
  [
    'the weight is the biased score',
    { weight: (score, value, isBiased) => (isBiased ? value : score) },
    'generated/routers/bias',
  ],
  [
    'a sigmoid off by one unit in the last place',
    {
      scores: (logits, experts, scoringFunc, steps) => {
        if (scoringFunc !== 'sigmoid') return STEPS.scores(logits, experts, scoringFunc, steps);
        return experts.map((expert) => neighbour(sigmoid(logits[expert])));
      },
    },
    'generated/routers/sigmoid',
  ],
  [
    'a sigmoid of float64, rounded once',
    {
      scores: (logits, experts, scoringFunc, steps) => {
        if (scoringFunc !== 'sigmoid') return STEPS.scores(logits, experts, scoringFunc, steps);
        return experts.map((expert) => Math.fround(1 / (1 + Math.exp(-logits[expert]))));
      },
    },
    'generated/router-values/all-scores,sigmoid',
  ],
  [
    'subnormal scores flushed to zero',
    {
      scores: (logits, experts, scoringFunc, steps) =>
        STEPS.scores(logits, experts, scoringFunc, steps).map((s) => (Math.abs(s) < 2 ** -126 ? 0 : s)),
    },
    'generated/router-values/all-negative,sigmoid',
  ],
  [
    'ranked by score without a bias',
    {
      choose: (row, count) => {
        const scores = row.map((logit) => (Math.abs(logit) > 1e9 ? logit : sigmoid(logit)));
        return STEPS.choose(scores, count);
      },
    },
    'generated/routers/sigmoid',
  ],
  [
    'score plus bias in float64',
    { biased: (score, bias) => score + bias },
    'generated/router-values/bias=near-34,sigmoid',
  ],
  [
    'ties between groups go to the higher one',
    {
      chooseKept: (groupScores, count) => {
        const last = groupScores.length - 1;
        return STEPS.choose([...groupScores].reverse(), count).map((group) => last - group);
      },
    },
    'generated/router-values/groups-tie,none,max',
  ],
  [
    'a group is ranked by the sum of its three best',
    { groupSum: (sorted) => sorted.slice(0, 3).reduce((a, b) => Math.fround(a + b)) },
    'generated/routers/groups-top2',
  ],
  [
    'normEps is left out',
    { weightSum: (weights, shared) => STEPS.weightSum(weights, shared, 0) },
    'generated/routers/norm-eps',
  ],
  [
    'the sum of weights in float64',
    {
      weightSum: (weights, shared, eps) => Math.fround([...weights, ...shared, eps].reduce((a, b) => a + b)),
    },
    'generated/routers/norm',
  ],
  [
    'shared scores are left out of the sum',
    { weightSum: (weights, _, eps) => STEPS.weightSum(weights, [], eps) },
    'generated/routers/shared',
  ],
  [
    'shared scores come first in the sum',
    { weightSum: (weights, shared, eps) => STEPS.weightSum(shared, weights, eps) },
    'generated/routers/shared',
  ],
  [
    'skipped experts are left out of the sum',
    { isCounted: (choice, before) => !choice.skipped && STEPS.isCounted(choice, before) },
    'generated/routers/skip,with-others',
  ],
  ['dropped choices are in the sum', { isCounted: () => true }, 'generated/routers/capacity,with-others'],
  [
    'normBeforeDrop is ignored',
    { isCounted: (choice) => STEPS.isCounted(choice, false) },
    'generated/routers/capacity-norm-before',
  ],
  [
    'choices queue by token first',
    {
      queue: (best, topK) => {
        const tokens = STEPS.choose(best, best.length);
        return tokens.flatMap((t) => Array.from({ length: topK }, (_, k): [number, number] => [t, k]));
      },
    },
    'generated/routers/capacity',
  ],
  [
    'one choice more than the capacity is taken',
    { isDropped: (before, capacity) => before > capacity },
    'generated/routers/capacity',
  ],
  [
    'probs is ignored',
    {
      queue: (best, topK) =>
        STEPS.queue(
          best.map(() => 0),
          topK,
        ),
    },
    'generated/routers/capacity-probs',
  ],
  ['the mask is ignored', { isMasked: () => false }, 'generated/routers/mask'],
  ['the mask takes 1 only', { isMasked: (byte) => byte !== 1 }, 'generated/router-values/mask-of-any-byte'],
  [
    'factors are multiplied with each other first',
    {
      multiply: (weight, factors) =>
        Math.fround(weight * factors.reduce((product, factor) => Math.fround(product * factor), 1)),
    },
    'generated/routers/expert-scales,with-others',
  ],
  [
    'a negative factor leaves -0 where a choice goes nowhere',
    { finalWeight: (weight, goes) => (goes ? weight : 0 * weight) },
    'generated/router-values/sums-of-zero-masked,none',
  ],
  [
    'sparsemixer divides by the size of the logit alone',
    {
      isNear: (logit, top, jitterEps) =>
        !(Math.fround(Math.fround(top - logit) / Math.abs(logit)) > Math.fround(2 * jitterEps)),
    },
    'generated/routers/sparsemixer',
  ],
  [
    'the last expert before the zero experts has no rows',
    { expertsWithRows: (numExperts, zeroExperts) => numExperts - zeroExperts - Math.min(zeroExperts, 1) },
    'generated/routers/identity',
  ],
  [
    'weights of rows are read as [K, T]',
    { weightPlace: (token, choice, _, tokens) => choice * tokens + token },
    'generated/routers/weight-on-input',
  ],
  [
    'choices that go nowhere return x too',
    { isIdentity: () => true },
    'generated/nowhere/reduce,some,dtype=float32',
  ],
];

/** The float32 after a positive one. */
function neighbour(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] += 1;
  return new Float32Array(bits.buffer)[0];
}

describe('the suite', () => {
  it.each(FAULTS)('notices of a router: %s', async (_, steps, caughtBy) => {
    const report = await runConformance(reference(steps), { filter: caughtBy });
    expect(report.cases.map(({ id, status }) => `${id} ${status}`)).toEqual([`${caughtBy} failed`]);
    expect(report.cases[0].differences.length).toBeGreaterThan(0);
  });
});
