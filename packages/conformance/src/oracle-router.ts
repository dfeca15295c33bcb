import type { FloatDType, Router } from '@moe-dispatch/core';
import { decode } from './float-formats.js';
import { elementCount, type HostTensor } from './host-tensor.js';
import { sigmoid, softmaxOf, sqrtsoftplus } from './oracle-scores.js';

/*
 * Routers as directly as the contract reads (docs/semantics.md). A float32 operation is one of float64 that is rounded
 * to float32: for + − · ÷ of two float32 numbers that is as if it were rounded once. Nothing here is shared with a backend,
 * nor with core's reading of Paddle's arguments and of routers.
 */

const { fround } = Math;

/** How to route: Paddle's arguments or a router. */
export interface RoutingMode {
  readonly moeTopk?: number;
  readonly groupMoe?: boolean;
  readonly topkOnlyMode?: boolean;
  readonly router?: Router;
}

/** What routeTokens is given. */
export interface RoutingInputs {
  /** [T, E] or [B, S, E] */
  readonly gatingOutput: HostTensor<FloatDType>;
  readonly eScoreCorrectionBias?: HostTensor<'float32'>;
  readonly perExpertScale?: HostTensor<'float32'>;
  readonly globalScale?: HostTensor<'float32'>;
  readonly sharedLogits?: HostTensor<'float32'>;
  readonly expertIds?: HostTensor<'int32'>;
  readonly tokenMask?: HostTensor<'uint8'>;
}

export interface ExpectedRouting {
  readonly numExperts: number;
  readonly topKIndices: HostTensor<'int32'>;
  readonly expertScalesFloat: HostTensor<'float32'>;
  /** [T, K]: the distance of a choice's logit from the largest of its softmax. */
  readonly gaps: Float64Array;
}

interface Choice {
  /** −1: it goes nowhere. */
  expert: number;
  weight: number;
  /** Whether others before it have filled its expert. */
  dropped?: boolean;
  readonly gap: number;
}

interface Token {
  readonly logits: readonly number[];
  /** The score of an expert, without a bias. */
  readonly score: (expert: number) => number;
  readonly choices: Choice[];
}

/** K of a way to route; undefined if it says none. */
export function topKOf({ moeTopk, router }: RoutingMode): number | undefined {
  return router?.topK ?? moeTopk;
}

export function expectRouting(inputs: RoutingInputs, mode: RoutingMode): ExpectedRouting {
  const { gatingOutput, sharedLogits } = inputs;
  const topK = topKOf(mode) as number;
  const router: Router = mode.router ?? {
    topK,
    scoringFunc: mode.topkOnlyMode === true ? 'none' : 'softmax',
  };
  const numExperts = gatingOutput.shape[gatingOutput.shape.length - 1];
  const sharedRows = sharedLogits === undefined ? [] : rowsOf(sharedLogits);
  const tokens = rowsOf(gatingOutput).map((row, t) => chooseExperts(row.map(clean), t, router, inputs, mode));
  if (router.expertCapacity !== undefined) drop(tokens, router, router.expertCapacity);
  tokens.forEach(({ choices }, t) => {
    const logits = (sharedRows[t] ?? []).map(clean);
    if (router.normTopkProb === true) {
      normalise(
        choices,
        router,
        logits.map((_, i) => scores(logits, router.scoringFunc)(i)),
      );
    }
    for (const choice of choices) finish(choice, router, inputs, numExperts);
  });
  const all = tokens.flatMap(({ choices }) => choices);
  const shape = [tokens.length, topK];
  return {
    numExperts,
    topKIndices: { dtype: 'int32', shape, data: Int32Array.from(all, ({ expert }) => expert) },
    expertScalesFloat: { dtype: 'float32', shape, data: Float32Array.from(all, ({ weight }) => weight) },
    gaps: Float64Array.from(all, ({ gap }) => gap),
  };
}

const FLT_MAX = (2 - 2 ** -23) * 2 ** 127;

function clean(value: number): number {
  if (Number.isNaN(value) || value === -Infinity) return -FLT_MAX;
  return value === Infinity ? FLT_MAX : value;
}

/** The rows of the last dimension, in numbers. */
function rowsOf({ dtype, data, shape }: HostTensor<FloatDType>): number[][] {
  const width = shape[shape.length - 1];
  const values = decode(dtype, data);
  const count = elementCount(shape.slice(0, -1));
  return Array.from({ length: count }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)));
}

function scores(logits: readonly number[], scoringFunc: Router['scoringFunc']): (expert: number) => number {
  if (scoringFunc === 'sigmoid') return (expert) => sigmoid(logits[expert]);
  if (scoringFunc === 'sqrtsoftplus') return (expert) => sqrtsoftplus(logits[expert]);
  if (scoringFunc === 'none') return (expert) => logits[expert];
  let softmax: ((expert: number) => number) | undefined;
  return (expert) => {
    softmax ??= softmaxOf(logits);
    return softmax(expert);
  };
}

function chooseExperts(
  logits: readonly number[],
  t: number,
  router: Router,
  { eScoreCorrectionBias, expertIds, tokenMask }: RoutingInputs,
  mode: RoutingMode,
): Token {
  const { topK } = router;
  const score = scores(logits, router.scoringFunc);
  const token = (choices: Choice[]) => ({ logits, score, choices });
  const max = logits.reduce((a, b) => Math.max(a, b));
  const choose = (expert: number): Choice =>
    expert >= 0 && expert < logits.length
      ? { expert, weight: score(expert), gap: max - logits[expert] }
      : { expert: -1, weight: 0, gap: 0 };
  if (tokenMask?.data[t] === 0) return token(Array.from({ length: topK }, () => choose(-1)));
  if (expertIds !== undefined) {
    return token(Array.from(expertIds.data.subarray(t * topK, (t + 1) * topK), choose));
  }
  if (router.selection === 'sparsemixer') return token(sparsemixer(logits, router.jitterEps));
  if (mode.groupMoe === true && mode.topkOnlyMode !== true) return token(bestOfGroups(logits, topK));
  const values = choiceValues(logits, score, eScoreCorrectionBias);
  // What top2_sum adds are scores, even where experts are ranked by logit.
  const summed = (expert: number) => (eScoreCorrectionBias === undefined ? score(expert) : values[expert]);
  return token(
    best(values, keptExperts(values, summed, router))
      .slice(0, topK)
      .map(choose),
  );
}

function choiceValues(
  logits: readonly number[],
  score: (expert: number) => number,
  bias: RoutingInputs['eScoreCorrectionBias'],
): readonly number[] {
  if (bias === undefined) return logits;
  return Array.from(bias.data, (own, e) => clean(fround(score(e) + clean(own))));
}

/** What the experts of each token are ranked by. */
export function rankedBy(
  { gatingOutput, eScoreCorrectionBias }: RoutingInputs,
  { router }: RoutingMode,
): (readonly number[])[] {
  return rowsOf(gatingOutput).map((row) => {
    const logits = row.map(clean);
    return choiceValues(logits, scores(logits, router?.scoringFunc), eScoreCorrectionBias);
  });
}

/** Experts, best first: by value, of equal values the lower one. −0 equals +0. */
function best(values: readonly number[], experts = values.map((_, expert) => expert)): number[] {
  return [...experts].sort((a, b) => values[b] - values[a] || a - b);
}

/**
 * The experts of the groups that are kept.
 * @param summed what top2_sum adds for an expert
 */
function keptExperts(
  values: readonly number[],
  summed: (expert: number) => number,
  router: Router,
): number[] {
  const { nGroup = 1, topkGroup = nGroup, groupScoreFunc } = router;
  const experts = values.map((_, expert) => expert);
  if (topkGroup === nGroup) return experts;
  const size = values.length / nGroup;
  const groupScores = Array.from({ length: nGroup }, (_, group) => {
    const members = experts.slice(group * size, (group + 1) * size);
    if (groupScoreFunc === 'max') return values[best(values, members)[0]];
    const [first, second] = members.map(summed).sort((a, b) => b - a);
    return size === 1 ? first : fround(first + second);
  });
  const kept = best(groupScores).slice(0, topkGroup);
  return experts.filter((expert) => kept.includes(Math.floor(expert / size)));
}

/** Paddle's groupMoe: the best expert of each group, with a softmax over that group. */
function bestOfGroups(logits: readonly number[], groups: number): Choice[] {
  const size = logits.length / groups;
  return Array.from({ length: groups }, (_, group) => {
    const members = logits.slice(group * size, (group + 1) * size);
    const [winner] = best(members);
    const gap = members.reduce((a, b) => Math.max(a, b)) - members[winner];
    return { expert: group * size + winner, weight: softmaxOf(members)(winner), gap };
  });
}

/** Two choices, each with a softmax over the experts that are near enough to it. */
function sparsemixer(logits: readonly number[], jitterEps = 0): Choice[] {
  const limit = fround(2 * fround(jitterEps));
  const choose = (experts: readonly number[]): Choice => {
    const [expert] = best(logits, [...experts]);
    const top = logits[expert];
    const stay = experts.filter((e) => {
      const distance = fround(fround(top - logits[e]) / Math.max(Math.abs(logits[e]), top));
      return !(distance > limit);
    });
    const weight = softmaxOf(stay.map((e) => logits[e]))(stay.indexOf(expert));
    return { expert, weight, gap: 0 };
  };
  const all = logits.map((_, expert) => expert);
  const first = choose(all);
  return [first, choose(all.filter((expert) => expert !== first.expert))];
}

/** Choices queue at their experts: all first ones, then all second ones. */
function drop(tokens: readonly Token[], { topK, dropPolicy }: Router, capacity: number): void {
  const queue = tokens.map((token) => token);
  if (dropPolicy === 'probs') {
    const largest = new Map(tokens.map((token) => [token, largestScore(token)]));
    // Sorting is stable: equal ones stay in the order of tokens.
    queue.sort((a, b) => (largest.get(b) as number) - (largest.get(a) as number));
  }
  const before = new Map<number, number>();
  for (let k = 0; k < topK; k++) {
    for (const { choices } of queue) {
      const { expert } = choices[k];
      if (expert === -1) continue;
      const place = before.get(expert) ?? 0;
      before.set(expert, place + 1);
      choices[k].dropped = place >= capacity;
    }
  }
}

function largestScore({ logits, score }: Token): number {
  return logits.map((_, expert) => score(expert)).reduce((a, b) => Math.max(a, b));
}

function normalise(choices: readonly Choice[], router: Router, shared: readonly number[]): void {
  const { normBeforeDrop = false, normEps = 0 } = router;
  const counted = choices.filter(({ expert, dropped }) => expert !== -1 && (normBeforeDrop || !dropped));
  const terms = [...counted.map(({ weight }) => weight), ...shared, fround(normEps)];
  const n = terms.reduce((sum, term) => fround(sum + term));
  for (const choice of choices) choice.weight = n === 0 ? 0 : fround(choice.weight / n);
}

/** Factors, and the choices that go nowhere in the end. */
function finish(choice: Choice, router: Router, inputs: RoutingInputs, numExperts: number): void {
  const { routedScalingFactor = 1, zeroExperts } = router;
  const { perExpertScale, globalScale } = inputs;
  choice.weight = fround(choice.weight * fround(routedScalingFactor));
  if (perExpertScale) choice.weight = fround(choice.weight * perExpertScale.data[choice.expert]);
  if (globalScale) choice.weight = fround(choice.weight * globalScale.data[0]);
  const skipped = zeroExperts?.kind === 'skip' && choice.expert >= numExperts - zeroExperts.count;
  if (choice.dropped || skipped) choice.expert = -1;
  if (choice.expert === -1) choice.weight = 0;
}
