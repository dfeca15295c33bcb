import type { Router } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { expectRouting, type RoutingInputs, type RoutingMode } from '../src/oracle-router.js';
import { f32, i32 } from './host-tensors.js';

const { fround } = Math;

function route(gatingOutput: RoutingInputs['gatingOutput'], mode: RoutingMode, tensors: object = {}) {
  const { topKIndices, expertScalesFloat, gaps } = expectRouting({ gatingOutput, ...tensors }, mode);
  return { experts: [...topKIndices.data], scales: [...expertScalesFloat.data], gaps: [...gaps] };
}

/** With logits that are their own scores, so that expectations can be computed by hand. */
const none = (logits: number[], router: Omit<Router, 'scoringFunc'>, tensors: object = {}) =>
  route(f32([1, logits.length], ...logits), { router: { scoringFunc: 'none', ...router } }, tensors);

describe("Paddle's modes", () => {
  const gating = f32([2, 4], 0, Math.log(2), Math.log(4), 0, 1, 3, 3, -Infinity);

  it('softmax: ranks by value, ties by expert', () => {
    const { experts, scales, gaps } = route(gating, { moeTopk: 2 });
    expect(experts).toEqual([2, 1, 1, 2]);
    expect(scales[0]).toBeCloseTo(4 / 8, 6);
    expect(scales[1]).toBeCloseTo(2 / 8, 6);
    expect(scales[2]).toBe(fround(1 / (2 + Math.exp(-2))));
    expect(gaps.map((gap) => gap.toFixed(3))).toEqual(['0.000', '0.693', '0.000', '0.000']);
  });

  it('group: choice k is the best of group k, with its own softmax', () => {
    const { experts, scales } = route(gating, { moeTopk: 2, groupMoe: true });
    expect(experts).toEqual([1, 2, 1, 2]);
    expect(scales[0]).toBeCloseTo(2 / 3, 6);
    expect(scales[1]).toBeCloseTo(4 / 5, 6);
    expect(scales[3]).toBe(1);
  });

  it('topk_only_mode wins over group_moe and keeps the cleaned values', () => {
    const special = f32([1, 4], Number.NaN, -0, Infinity, -Infinity);
    const { experts, scales } = route(special, { moeTopk: 4, groupMoe: true, topkOnlyMode: true });
    expect(experts).toEqual([2, 1, 0, 3]);
    expect(scales).toEqual([3.4028234663852886e38, -0, -3.4028234663852886e38, -3.4028234663852886e38]);
  });

  it('all masked: equal shares', () => {
    const masked = f32([1, 4], -Infinity, Number.NaN, -Infinity, -Infinity);
    expect(route(masked, { moeTopk: 2 }).scales).toEqual([0.25, 0.25]);
    const grouped = route(masked, { moeTopk: 2, groupMoe: true });
    expect([grouped.experts, grouped.scales]).toEqual([
      [0, 2],
      [0.5, 0.5],
    ]);
  });
});

describe('the choice', () => {
  it('is by score plus bias, the weight by score', () => {
    const tensors = { eScoreCorrectionBias: f32([3], 0, 5, Number.NaN) };
    expect(none([3, 1, 9], { topK: 3 }, tensors)).toMatchObject({ experts: [1, 0, 2], scales: [1, 3, 9] });
  });

  it('ties where a large bias swallows the scores', () => {
    const tensors = { eScoreCorrectionBias: f32([3], 1e30, 1e30, 1e30) };
    expect(none([1, 3, 2], { topK: 2 }, tensors).experts).toEqual([0, 1]);
  });

  it('keeps the best groups only', () => {
    const router = { topK: 2, nGroup: 3, topkGroup: 1 };
    const logits = [9, 0, 6, 5, 4, 8];
    expect(none(logits, { ...router, groupScoreFunc: 'max' }).experts).toEqual([0, 1]);
    expect(none(logits, { ...router, groupScoreFunc: 'top2_sum' }).experts).toEqual([5, 4]);
    // Groups of one expert are ranked by it; equal groups by index.
    const ones = { topK: 2, nGroup: 3, topkGroup: 2, groupScoreFunc: 'top2_sum' as const };
    expect(none([1, 7, 1], ones).experts).toEqual([1, 0]);
  });

  it('may be given', () => {
    const tensors = { expertIds: i32([1, 3], 2, -1, 0) };
    expect(none([5, 6, 7], { topK: 3 }, tensors)).toMatchObject({ experts: [2, -1, 0], scales: [7, 0, 5] });
  });

  it('sparsemixer: each of the two best has a softmax over those near it', () => {
    const router: Router = { topK: 2, selection: 'sparsemixer', jitterEps: 0.05 };
    const { experts, scales } = route(f32([1, 4], 10, 9.5, 9.4, 1), { router });
    expect(experts).toEqual([0, 1]);
    // Within 10 % of 10: the first three. Without the first, the next two.
    expect(scales[0]).toBeCloseTo(1 / (1 + Math.exp(-0.5) + Math.exp(-0.6)), 6);
    expect(scales[1]).toBeCloseTo(1 / (1 + Math.exp(-0.1)), 6);
  });
});

describe('the weights', () => {
  it('are divided by their sum, with shared scores and normEps in it, one rounding each', () => {
    const router = { topK: 2, normTopkProb: true };
    expect(none([1, 2, 3], router).scales).toEqual([fround(3 / 5), fround(2 / 5)]);
    expect(none([1, 2, 3], { ...router, normEps: 1 }).scales).toEqual([0.5, fround(1 / 3)]);
    const tensors = { sharedLogits: f32([1, 2], 4, 7) };
    expect(none([1, 2, 3], router, tensors).scales).toEqual([3 / 16, 2 / 16]);
    // Added in order: 2^24 + 1 + 1 is 2^24, and an epsilon is lost too.
    const lost = none([2 ** 24, 1, 1], { topK: 3, normTopkProb: true, normEps: 1e-20 }).scales;
    expect(lost).toEqual([1, 2 ** -24, 2 ** -24]);
    expect(none([-1, 1], router).scales).toEqual([0, 0]);
  });

  it('are multiplied by the factors in order', () => {
    const tensors = { perExpertScale: f32([2], 5, 3), globalScale: f32([1], 1e-30) };
    expect(none([1, 1e20], { topK: 1, routedScalingFactor: 1e30 }, tensors).scales).toEqual([Infinity]);
    expect(none([1, 2], { topK: 2, routedScalingFactor: 0.5 }, tensors).scales).toEqual([
      fround(3 * fround(1e-30)),
      fround(2.5 * fround(1e-30)),
    ]);
  });

  it('of skipped experts are in the sum, and are 0', () => {
    const router: Router = { topK: 2, normTopkProb: true, zeroExperts: { count: 1, kind: 'skip' } };
    expect(none([1, 2, 6], router)).toMatchObject({ experts: [-1, 1], scales: [0, 0.25] });
    const identity = { ...router, zeroExperts: { count: 1, kind: 'identity' as const } };
    expect(none([1, 2, 6], identity)).toMatchObject({ experts: [2, 1], scales: [0.75, 0.25] });
  });

  it('of masked tokens are +0, whatever the factor', () => {
    const tensors = { tokenMask: { data: Uint8Array.of(0), shape: [1], dtype: 'uint8' } };
    const { experts, scales } = none([1, 2], { topK: 2, routedScalingFactor: -1 }, tensors);
    expect([experts, scales]).toEqual([
      [-1, -1],
      [0, 0],
    ]);
  });
});

describe('capacity', () => {
  const logits = f32([3, 3], 5, 4, 0, 7, 6, 0, 3, 2, 0);
  const capacity = (router: Partial<Router>) =>
    route(logits, { router: { topK: 2, scoringFunc: 'none', expertCapacity: 2, ...router } });

  it('drops what comes last: first choices first, then by token', () => {
    expect(capacity({}).experts).toEqual([0, 1, 0, 1, -1, -1]);
    expect(capacity({ expertCapacity: 1 }).experts).toEqual([0, 1, -1, -1, -1, -1]);
    // Second choices of earlier tokens queue behind first ones of later tokens.
    const crossed = route(f32([2, 2], 2, 1, 1, 2), { router: { topK: 2, expertCapacity: 1 } });
    expect(crossed.experts).toEqual([0, -1, 1, -1]);
  });

  it('probs: the tokens with the largest scores come first', () => {
    expect(capacity({ expertCapacity: 1, dropPolicy: 'probs' }).experts).toEqual([-1, -1, 0, 1, -1, -1]);
  });

  it('sums what stays, or with normBeforeDrop all', () => {
    const first = f32([2, 2], 2, 1, 3, 1);
    const router: Router = { topK: 2, scoringFunc: 'none', expertCapacity: 1, normTopkProb: true };
    const bias = { eScoreCorrectionBias: f32([2], 0, 0) };
    expect(route(first, { router }, bias).scales).toEqual([fround(2 / 3), fround(1 / 3), 0, 0]);
    const crossed = f32([2, 2], 3, 1, 1, 3);
    expect(route(crossed, { router }).scales).toEqual([1, 0, 1, 0]);
    expect(route(crossed, { router: { ...router, normBeforeDrop: true } }).scales).toEqual([
      0.75, 0, 0.75, 0,
    ]);
  });
});
