import type { Router } from '../src/index.js';

/** The tensors beside the logits, for one token where they differ from token to token. */
export interface TokenTensors {
  readonly bias?: number[] | undefined;
  readonly perExpertScale?: number[] | undefined;
  readonly globalScale?: number | undefined;
  readonly sharedLogits?: number[] | undefined;
  readonly expertIds?: number[] | undefined;
}

/** A token's choices: experts and weights. */
export type Choices = { expert: number; weight: number }[];

/** What a router makes of one token's logits, in float64, without the drops of a capacity: the contract, read literally. */
export function routeToken(logits: number[], router: Router, tensors: TokenTensors): Choices {
  if (router.selection === 'sparsemixer') return sparsemixer(logits, router.jitterEps ?? 0);
  const scores = scoresOf(router, logits);
  const values = inGroups(
    router,
    scores.map((score, e) => score + (tensors.bias?.[e] ?? 0)),
  );
  const chosen = tensors.expertIds ?? ranked(values).slice(0, router.topK);
  const weights = chosen.map((e) => scores[e]);
  const shared = scoresOf(router, tensors.sharedLogits ?? []);
  const sum = [...weights, ...shared].reduce((a, b) => a + b, 0) + (router.normEps ?? 0);
  const factor = (router.routedScalingFactor ?? 1) * (tensors.globalScale ?? 1);
  const { count = 0, kind } = router.zeroExperts ?? {};
  return chosen.map((expert, k) => {
    const isSkipped = kind === 'skip' && expert >= logits.length - count;
    const weight = (router.normTopkProb ? weights[k] / sum : weights[k]) * factor;
    return { expert, weight: isSkipped ? 0 : weight * (tensors.perExpertScale?.[expert] ?? 1) };
  });
}

/** Choices beyond the experts' capacity weigh 0: first choices of all tokens come first, then all second ones. */
export function drop(tokens: Choices[], { topK, expertCapacity }: Router): Choices[] {
  if (expertCapacity === undefined) return tokens;
  const counts = new Map<number, number>();
  const kept = tokens.map((choices) => choices.map((choice) => ({ ...choice })));
  for (let k = 0; k < topK; k++) {
    for (const choices of kept) {
      const count = counts.get(choices[k].expert) ?? 0;
      if (count >= expertCapacity) choices[k].weight = 0;
      counts.set(choices[k].expert, count + 1);
    }
  }
  return kept;
}

function scoresOf({ scoringFunc = 'softmax' }: Router, logits: number[]): number[] {
  const max = Math.max(...logits);
  const sum = logits.reduce((total, l) => total + Math.exp(l - max), 0);
  const functions = {
    softmax: (l: number) => Math.exp(l - max) / sum,
    sigmoid: (l: number) => 1 / (1 + Math.exp(-l)),
    sqrtsoftplus: (l: number) => Math.sqrt(Math.log1p(Math.exp(l))),
    none: (l: number) => l,
  };
  return logits.map(functions[scoringFunc]);
}

/** Values outside the best groups become the lowest there are. */
function inGroups({ nGroup = 1, topkGroup = 1, groupScoreFunc }: Router, values: number[]): number[] {
  const size = values.length / nGroup;
  const best = Array.from({ length: nGroup }, (_, g) =>
    values
      .slice(g * size, (g + 1) * size)
      .sort((a, b) => b - a)
      .slice(0, groupScoreFunc === 'top2_sum' ? 2 : 1)
      .reduce((a, b) => a + b, 0),
  );
  const kept = ranked(best).slice(0, topkGroup);
  return values.map((value, e) => (kept.includes(Math.floor(e / size)) ? value : Number.NEGATIVE_INFINITY));
}

/** Indices, those of larger values first. */
function ranked(values: number[]): number[] {
  return values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
}

function sparsemixer(logits: number[], jitterEps: number): Choices {
  const chosen: Choices = [];
  const left = [...logits];
  for (let k = 0; k < 2; k++) {
    const [expert] = ranked(left);
    const top = left[expert];
    const isNear = (l: number) => (top - l) / Math.max(Math.abs(l), top) <= 2 * jitterEps;
    const sum = left.reduce((total, l, e) => total + (isNear(logits[e]) ? Math.exp(l - top) : 0), 0);
    chosen.push({ expert, weight: 1 / sum });
    left[expert] = Number.NEGATIVE_INFINITY;
  }
  return chosen;
}
