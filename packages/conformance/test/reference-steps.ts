import type { DType } from '@moe-dispatch/core';
import { sigmoid, softmaxOf, sqrtsoftplus } from '../src/oracle-scores.js';
import type { Choice } from './reference-router.js';

export interface Pair {
  expert: number;
  token: number;
  choice: number;
}

/** What the reference backend does at each step of the contract. */
export interface Steps {
  /** A gating value, and its bits, cleaned of NaN and infinities. */
  clean(value: number, bits: number): number;
  choose(row: readonly number[], count: number): number[];
  chooseGroups(row: readonly number[], groups: number, steps: Steps): number[];
  /** The softmax of some of the values over all of them. */
  softmax(values: readonly number[], chosen: readonly number[]): number[];
  gatingScale(value: number): number;
  /** The scores of some experts of a token. */
  scores(logits: readonly number[], experts: readonly number[], scoringFunc: string, steps: Steps): number[];
  /** A score plus its bias, for the choice. */
  biased(score: number, bias: number, steps: Steps): number;
  /** The weight of a choice, from its score and its choice value. */
  weight(score: number, value: number, isBiased: boolean): number;
  /** top2_sum of a group's values, largest first. */
  groupSum(sorted: readonly number[]): number;
  chooseKept(groupScores: readonly number[], count: number): number[];
  /** sparsemixer: whether a logit is near the top one. */
  isNear(logit: number, top: number, jitterEps: number): boolean;
  isMasked(byte: number): boolean;
  /** Whether an entry of expertIds is an expert's. */
  isExpert(id: number, numExperts: number): boolean;
  /** Tokens and choices as they queue; `best` are the largest scores of the tokens, or all 0. */
  queue(best: readonly number[], topK: number): [token: number, choice: number][];
  isDropped(before: number, capacity: number): boolean;
  /** Whether a choice is in the sum that weights are divided by. */
  isCounted(choice: Choice, normBeforeDrop: boolean): boolean;
  weightSum(weights: readonly number[], shared: readonly number[], eps: number): number;
  multiply(weight: number, factors: readonly number[]): number;
  finalWeight(weight: number, goes: boolean): number;
  expertsWithRows(numExperts: number, zeroExperts: number): number;
  /** Where permuteRows finds the weight of a choice. */
  weightPlace(token: number, choice: number, topK: number, tokens: number): number;
  /** Whether an expert without a row returns x. */
  isIdentity(expert: number): boolean;
  order(pairs: Pair[]): Pair[];
  /** The row of the pair in this position. */
  rowOf(position: number): number;
  copyRow(source: Uint8Array, target: Uint8Array, offset: number, token: number, dtype: DType): void;
  /** The weights of a token's choices. */
  weigh(scales: readonly number[], norm: boolean, factor: number): number[];
  addTerm(sum: number, weight: number, value: number, bias: number): number;
  /** After the last term. */
  finish(sum: number, scales: readonly number[], norm: boolean): number;
  roundResult(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
  // Faults that are no step of their own.
  prefixSumAsCounts?: boolean;
  /** Choices that are no experts are left out of the plan. */
  unchecked?: boolean;
  wrapCopies?: boolean;
  readShares?: boolean;
  disposeClears?: boolean;
}

/** In float32, in order. */
export const sumOf = (scales: readonly number[]) => scales.reduce((sum, scale) => Math.fround(sum + scale));

const MAX = 3.4028234663852886e38;

export const STEPS: Steps = {
  clean: (value) => Math.min(Math.max(Number.isNaN(value) ? -MAX : value, -MAX), MAX),
  // Array.sort is stable: equal values stay in the order of their experts.
  choose: (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a] || 0).slice(0, count),
  chooseGroups: (row, groups, steps) =>
    Array.from({ length: groups }, (_, group) => {
      const size = row.length / groups;
      return group * size + steps.choose(row.slice(group * size, (group + 1) * size), 1)[0];
    }),
  softmax(values, chosen) {
    // Faults bring about what has no score.
    if (!values.every(Number.isFinite)) return chosen.map(() => Number.NaN);
    const score = softmaxOf(values);
    return chosen.map((i) => (i < values.length ? score(i) : Number.NaN));
  },
  gatingScale: (value) => value,
  scores(logits, experts, scoringFunc, steps) {
    if (scoringFunc === 'softmax') return steps.softmax(logits, experts);
    const score = { sigmoid, sqrtsoftplus, none: steps.gatingScale }[scoringFunc] as (
      logit: number,
    ) => number;
    return experts.map((expert) => score(logits[expert]));
  },
  biased: (score, bias, steps) => steps.clean(Math.fround(score + bias), 0),
  weight: (score) => score,
  groupSum: ([first, second]) => (second === undefined ? first : Math.fround(first + second)),
  chooseKept: (groupScores, count) => STEPS.choose(groupScores, count),
  isNear: (logit, top, jitterEps) =>
    !(Math.fround(Math.fround(top - logit) / Math.max(Math.abs(logit), top)) > Math.fround(2 * jitterEps)),
  isMasked: (byte) => byte === 0,
  isExpert: (id, numExperts) => id >= 0 && id < numExperts,
  queue(best, topK) {
    const tokens = STEPS.choose(best, best.length);
    return Array.from({ length: topK }, (_, k) => tokens.map((t): [number, number] => [t, k])).flat();
  },
  isDropped: (before, capacity) => before >= capacity,
  isCounted: ({ dropped }, normBeforeDrop) => normBeforeDrop || !dropped,
  weightSum: (weights, shared, eps) => sumOf([0, ...weights, ...shared, eps]),
  multiply: (weight, factors) => factors.reduce((product, factor) => Math.fround(product * factor), weight),
  finalWeight: (weight, goes) => (goes ? weight : 0),
  expertsWithRows: (numExperts, zeroExperts) => numExperts - zeroExperts,
  weightPlace: (token, choice, topK) => token * topK + choice,
  isIdentity: (expert) => expert !== -1,
  order(pairs) {
    const buckets: Pair[][] = [];
    for (const pair of pairs) {
      buckets[pair.expert] ??= [];
      buckets[pair.expert].push(pair);
    }
    return buckets.flat();
  },
  rowOf: (position) => position,
  copyRow: (source, target, offset) => target.set(source, offset),
  weigh(scales, norm, factor) {
    const sum = sumOf(scales);
    const share = (scale: number) => (sum === 0 ? 0 : Math.fround(scale / sum));
    return scales.map((scale) => Math.fround((norm ? share(scale) : scale) * Math.fround(factor)));
  },
  addTerm: (sum, weight, value, bias) => Math.fround(sum + Math.fround(weight * Math.fround(value + bias))),
  finish: (sum) => sum,
  roundResult: (values) => values,
};
