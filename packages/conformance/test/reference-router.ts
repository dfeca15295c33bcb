import type { Call } from '@moe-dispatch/core/backend';
import type { ReferenceTensor } from './reference-backend.js';
import type { Steps } from './reference-steps.js';

type RouteCall = Call<'routeTokens', ReferenceTensor>;

/** A choice while it is weighed. */
export interface Choice {
  /** −1: it goes nowhere. */
  expert: number;
  weight: number;
  dropped: boolean;
  /** Whether its expert is one that is skipped. */
  skipped: boolean;
}

interface Token {
  readonly logits: readonly number[];
  choices: Choice[];
}

/** Any router, one token after the other. */
export function route(steps: Steps, call: RouteCall): void {
  const { tokens, topK, numExperts, zeroExperts, zeroExpertKind } = call;
  const rows = cleanRows(steps, call.gatingOutput, tokens, numExperts);
  const all: Token[] = rows.map((logits, t) => ({
    logits,
    choices: choose(steps, call, logits, t).map(({ expert, weight }) => ({
      expert,
      weight,
      dropped: false,
      skipped: zeroExpertKind === 'skip' && zeroExperts > 0 && expert >= numExperts - zeroExperts,
    })),
  }));
  if (call.expertCapacity > 0) drop(steps, call, all);
  const shared = call.sharedLogits && cleanRows(steps, call.sharedLogits, tokens, call.sharedExperts);
  all.forEach(({ choices }, t) => {
    weigh(steps, call, choices, shared?.[t] ?? []);
    choices.forEach(({ expert, weight, dropped, skipped }, k) => {
      const goes = expert >= 0 && !dropped && !skipped;
      call.topKIndices.view('int32')[t * topK + k] = goes ? expert : -1;
      call.expertScalesFloat.view('float32')[t * topK + k] = steps.finalWeight(weight, goes);
    });
  });
}

function cleanRows(steps: Steps, tensor: ReferenceTensor, count: number, width: number): number[][] {
  const values = tensor.floats();
  const bits = new Uint32Array(values.buffer);
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, i) => steps.clean(values[row * width + i], bits[row * width + i])),
  );
}

function choose(
  steps: Steps,
  call: RouteCall,
  logits: readonly number[],
  t: number,
): { expert: number; weight: number }[] {
  const { topK, numExperts, selection, eScoreCorrectionBias, expertIds, tokenMask, scoringFunc } = call;
  const experts = logits.map((_, e) => e);
  const scores = (chosen: readonly number[]) => steps.scores(logits, chosen, scoringFunc, steps);
  if (tokenMask && steps.isMasked(tokenMask.view('uint8')[t])) return nowhere(topK);
  if (selection === 'sparsemixer') return mix(steps, logits, call.jitterEps);
  if (selection === 'one_per_group') {
    const size = numExperts / topK;
    return steps.chooseGroups(logits, topK, steps).map((expert) => {
      const group = Math.floor(expert / size);
      const members = logits.slice(group * size, (group + 1) * size);
      return { expert, weight: steps.softmax(members, [expert - group * size])[0] };
    });
  }
  if (selection === 'given') {
    const given = Array.from(expertIds!.view('int32').subarray(t * topK, (t + 1) * topK));
    const ids = given.map((expert) => (steps.isExpert(expert, numExperts) ? expert : -1));
    const weights = scores(ids.map((id) => Math.max(id, 0)));
    return ids.map((expert, k) => ({ expert, weight: weights[k] }));
  }
  const bias = eScoreCorrectionBias?.view('float32');
  const biasBits = bias && new Uint32Array(bias.buffer, bias.byteOffset, bias.length);
  const values = bias
    ? scores(experts).map((score, e) => steps.biased(score, steps.clean(bias[e], biasBits![e]), steps))
    : logits;
  const inGroups = keep(steps, call, values, () => (bias ? values : scores(experts)));
  const chosen = steps.choose(inGroups, topK);
  const weights = scores(chosen);
  return chosen.map((expert, k) => ({
    expert,
    weight: steps.weight(weights[k], values[expert], bias !== undefined),
  }));
}

function nowhere(topK: number) {
  return Array.from({ length: topK }, () => ({ expert: -1, weight: 0 }));
}

/** Values of experts in groups that are not kept become the lowest. */
function keep(
  steps: Steps,
  { nGroup, topkGroup, groupScoreFunc }: RouteCall,
  values: readonly number[],
  summed: () => readonly number[],
): readonly number[] {
  if (topkGroup === nGroup) return values;
  const size = values.length / nGroup;
  const from = groupScoreFunc === 'max' ? values : summed();
  const groups = Array.from({ length: nGroup }, (_, g) => {
    const sorted = from.slice(g * size, (g + 1) * size).sort((a, b) => b - a);
    return groupScoreFunc === 'max' ? sorted[0] : steps.groupSum(sorted);
  });
  const kept = steps.chooseKept(groups, topkGroup);
  return values.map((value, e) => (kept.includes(Math.floor(e / size)) ? value : Number.NEGATIVE_INFINITY));
}

function mix(steps: Steps, logits: readonly number[], jitterEps: number) {
  const left = [...logits];
  return [0, 1].map(() => {
    const [expert] = steps.choose(left, 1);
    const stay = [...logits.keys()].filter(
      (e) => left[e] !== Number.NEGATIVE_INFINITY && steps.isNear(logits[e], logits[expert], jitterEps),
    );
    const weight = steps.softmax(
      stay.map((e) => logits[e]),
      [stay.indexOf(expert)],
    )[0];
    left[expert] = Number.NEGATIVE_INFINITY;
    return { expert, weight };
  });
}

function drop(steps: Steps, call: RouteCall, tokens: readonly Token[]): void {
  const { topK, expertCapacity, dropPolicy, scoringFunc } = call;
  const best = tokens.map(({ logits }) => {
    const scores =
      dropPolicy === 'probs' ? steps.scores(logits, [...logits.keys()], scoringFunc, steps) : [0];
    return scores.reduce((a, b) => Math.max(a, b));
  });
  const counts = new Map<number, number>();
  for (const [t, k] of steps.queue(best, topK)) {
    const choice = tokens[t].choices[k];
    const count = counts.get(choice.expert) ?? 0;
    counts.set(choice.expert, count + 1);
    choice.dropped = steps.isDropped(count, expertCapacity);
  }
}

function weigh(steps: Steps, call: RouteCall, choices: Choice[], shared: readonly number[]): void {
  const { normTopkProb, normEps, normBeforeDrop, scoringFunc, perExpertScale, globalScale } = call;
  if (normTopkProb) {
    const counted = choices.filter((choice) => choice.expert >= 0 && steps.isCounted(choice, normBeforeDrop));
    const scores = shared.length > 0 ? steps.scores(shared, [...shared.keys()], scoringFunc, steps) : [];
    const sum = steps.weightSum(
      counted.map(({ weight }) => weight),
      scores,
      normEps,
    );
    for (const choice of choices) choice.weight = sum === 0 ? 0 : Math.fround(choice.weight / sum);
  }
  for (const choice of choices) {
    const factors = [call.routedScalingFactor];
    if (perExpertScale) factors.push(perExpertScale.view('float32')[Math.max(choice.expert, 0)]);
    if (globalScale) factors.push(globalScale.view('float32')[0]);
    choice.weight = steps.multiply(choice.weight, factors);
  }
}
