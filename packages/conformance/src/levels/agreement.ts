import type { FloatDType } from '@moe-dispatch/core';
import { weightBound } from '../bounds.js';
import { decode } from '../float-formats.js';
import type { HostTensor } from '../host-tensor.js';
import { type ExpectedRouting, type RoutingInputs, type RoutingMode, rankedBy } from '../oracle-router.js';
import type { Agreement } from './levels.js';

/** What a backend chose. */
export interface FoundRouting {
  /** [T, K] */
  readonly topKIndices: Int32Array;
  /** [T, K] */
  readonly expertScalesFloat: Float32Array;
}

/** A choice and its weight, and how far the weight may be off. */
interface Choice {
  readonly expert: number;
  readonly weight: number;
  readonly tolerance: number;
}

/** How nearly routing agrees with the oracle's. */
export function agreementOf(
  inputs: RoutingInputs,
  mode: RoutingMode,
  expected: ExpectedRouting,
  found: FoundRouting,
): Agreement {
  const safe = safety(inputs, expected, found);
  return { ...routingOf(inputs, mode, expected, found), ...(safe === undefined ? {} : { safe }) };
}

function routingOf(
  inputs: RoutingInputs,
  mode: RoutingMode,
  expected: ExpectedRouting,
  found: FoundRouting,
): Agreement {
  // Nearly always, and much faster than what follows.
  if (
    isSame(found.topKIndices, expected.topKIndices.data) &&
    isSame(found.expertScalesFloat, expected.expertScalesFloat.data)
  ) {
    return { routing: 'same bytes', weights: 'same bytes' };
  }
  const [tokens, topK] = expected.topKIndices.shape;
  const hasBounds = mode.topkOnlyMode !== true && mode.router?.scoringFunc !== 'none';
  const right = rowsOf(tokens, topK, (i) => ({
    expert: expected.topKIndices.data[i],
    weight: expected.expertScalesFloat.data[i],
    tolerance: hasBounds ? weightBound(expected.expertScalesFloat.data[i], expected.gaps[i]) : 0,
  }));
  const given = rowsOf(tokens, topK, (i) => ({
    expert: found.topKIndices[i],
    weight: found.expertScalesFloat[i],
    tolerance: 0,
  }));
  if (haveSameExperts(right, given)) {
    const weights = nearness(right, given);
    return { routing: weights === 'same bytes' ? 'same bytes' : 'same experts and order', weights };
  }
  const byExpert = (choices: Choice[]) => [...choices].sort((a, b) => a.expert - b.expert);
  const [rightSorted, givenSorted] = [right.map(byExpert), given.map(byExpert)];
  if (haveSameExperts(rightSorted, givenSorted)) {
    return { routing: 'same experts', weights: nearness(rightSorted, givenSorted) };
  }
  if (!agreesUpToTies(inputs, mode, right, given)) return { routing: 'none', weights: 'none' };
  // Equal values have equal weights, but for factors of the experts.
  const byWeight = (choices: Choice[]) => [...choices].sort((a, b) => b.weight - a.weight);
  return { routing: 'same up to ties', weights: nearness(right.map(byWeight), given.map(byWeight)) };
}

function isSame(found: ArrayLike<number>, right: ArrayLike<number>): boolean {
  for (let i = 0; i < right.length; i++) if (!Object.is(found[i], right[i])) return false;
  return true;
}

function rowsOf(tokens: number, topK: number, choice: (i: number) => Choice): Choice[][] {
  return Array.from({ length: tokens }, (_, t) =>
    Array.from({ length: topK }, (__, k) => choice(t * topK + k)),
  );
}

function haveSameExperts(right: Choice[][], given: Choice[][]): boolean {
  return right.every((choices, t) => choices.every(({ expert }, k) => expert === given[t][k].expert));
}

function nearness(right: Choice[][], given: Choice[][]): 'same bytes' | 'within a bound' | 'none' {
  const pairs = right.flatMap((choices, t) =>
    choices.map((choice, k) => [choice, given[t][k].weight] as const),
  );
  if (pairs.every(([{ weight }, found]) => Object.is(weight, found))) return 'same bytes';
  const isNear = pairs.every(
    ([{ weight, tolerance }, found]) =>
      Object.is(weight, found) || (Number.isFinite(weight) && Math.abs(found - weight) <= tolerance),
  );
  return isNear ? 'within a bound' : 'none';
}

/** Scores of another implementation are a little off; logits are not. */
const SCORE_SLACK = 1e-6;

/** Whether each token's choices have the same choice values, or as good as the same ones. */
function agreesUpToTies(
  inputs: RoutingInputs,
  mode: RoutingMode,
  right: Choice[][],
  given: Choice[][],
): boolean {
  if (inputs.expertIds !== undefined || mode.router?.expertCapacity !== undefined) return false;
  const slack = inputs.eScoreCorrectionBias === undefined ? 0 : SCORE_SLACK;
  const ranked = rankedBy(inputs, mode);
  return right.every((choices, t) => {
    const values = (of: Choice[]) =>
      of.map(({ expert }) => (expert === -1 ? -Infinity : ranked[t][expert])).sort((a, b) => b - a);
    const experts = given[t].map(({ expert }) => expert);
    const isChoice = experts.every(
      (expert, k) => expert === -1 || (expert in ranked[t] && experts.indexOf(expert) === k),
    );
    if (!isChoice) return false;
    const [wanted, chosen] = [values(choices), values(given[t])];
    return wanted.every(
      (value, k) =>
        value === chosen[k] || Math.abs(value - chosen[k]) <= slack * Math.max(Math.abs(value), 1),
    );
  });
}

/** No expert out of range, numbers where there are to be numbers, nothing for padding; undefined where nothing tells. */
function safety(
  { gatingOutput, tokenMask }: RoutingInputs,
  { numExperts, expertScalesFloat }: ExpectedRouting,
  { topKIndices, expertScalesFloat: weights }: FoundRouting,
): boolean | undefined {
  const isHostile = !decode(gatingOutput.dtype, (gatingOutput as HostTensor<FloatDType>).data).every(
    Number.isFinite,
  );
  if (!isHostile && tokenMask === undefined) return undefined;
  const inRange = topKIndices.every((expert) => expert >= -1 && expert < numExperts);
  const areNumbers = weights.every(
    (weight, i) => Number.isFinite(weight) || !Number.isFinite(expertScalesFloat.data[i]),
  );
  const topK = topKIndices.length / (tokenMask?.data.length ?? 1);
  const isPadding = (i: number) => tokenMask?.data[Math.floor(i / topK)] === 0;
  const staysOut = topKIndices.every((expert, i) => !isPadding(i) || (expert === -1 && weights[i] === 0));
  return inRange && areNumbers && staysOut;
}
