import type { FloatDType, Router, RouterTensorName } from '@moe-dispatch/core';
import { narrow, randomNumbers } from './exact-sums.js';

/** A tensor on the host. */
export interface HostTensor {
  readonly data: Float32Array | Uint16Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
  readonly dtype: FloatDType | 'int32' | 'uint8';
}

/** What a call of moeDispatch has. */
export interface DispatchSpec {
  readonly router: Router;
  readonly tokens: number;
  readonly experts: number;
  readonly hidden?: number;
  readonly dtype?: FloatDType;
  readonly gatingDtype?: FloatDType;
  readonly tensors?: readonly RouterTensorName[];
  /** How far apart ordinary logits are. */
  readonly spread?: number;
}

/** A call of moeDispatch on the host. */
export interface HostDispatch {
  readonly router: Router;
  readonly gating: HostTensor;
  readonly x: HostTensor;
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

const SPECIAL = [0, -0, Number.NaN, Infinity, -Infinity, 1e-40, -1e-40, 3e38, -3e38];

/** Random contents, with ties, zeros of both signs, NaN, infinities and subnormals among the logits. */
export function hostDispatch(seed: number, spec: DispatchSpec): HostDispatch {
  const { router, tokens, experts, hidden = 4, spread = 3 } = spec;
  const { random, below, pick } = choices(seed);
  const logit = () => {
    const kind = random();
    if (kind < 0.02) return pick(SPECIAL);
    return kind < 0.2 ? below(5) - 2 : (random() - 0.5) * spread;
  };
  const floats = (shape: readonly number[], value: () => number, dtype: FloatDType = 'float32') => {
    const length = shape.reduce((a, b) => a * b, 1);
    return { data: narrow(dtype, Float32Array.from({ length }, value)), shape, dtype };
  };
  const make: Record<RouterTensorName, () => HostTensor> = {
    eScoreCorrectionBias: () => floats([experts], logit),
    perExpertScale: () => floats([experts], () => random() * 4 - 1),
    globalScale: () => floats([1], () => random() * 3),
    sharedLogits: () => floats([tokens, 1 + below(3)], logit),
    expertIds: () => {
      const data = Int32Array.from({ length: tokens * router.topK }, () => below(experts + 1) - 1);
      return { data, shape: [tokens, router.topK], dtype: 'int32' };
    },
    tokenMask: () => {
      const data = Uint8Array.from({ length: tokens }, () => pick([0, 1, 255]));
      return { data, shape: [tokens], dtype: 'uint8' };
    },
  };
  return {
    router,
    gating: floats([tokens, experts], logit, spec.gatingDtype),
    x: floats([tokens, hidden], () => random() * 4 - 2, spec.dtype),
    tensors: Object.fromEntries((spec.tensors ?? []).map((name) => [name, make[name]()])),
  };
}

/** A call with a router that has any options, and tensors. */
export function randomDispatch(seed: number, most: { tokens: number; experts: number }): HostDispatch {
  const { random, below, pick } = choices(seed);
  const sizes = groupSizes(seed, most.experts);
  const router = random() < 0.08 ? mixer(seed) : randomRouter(seed, sizes);
  const mixes = router.selection === 'sparsemixer';
  const given = !mixes && router.nGroup === undefined && random() < 0.15;
  const shares = router.normTopkProb && router.scoringFunc !== 'softmax';
  const likely: Record<RouterTensorName, number> = {
    expertIds: given ? 1 : 0,
    eScoreCorrectionBias: mixes || given ? 0 : 0.5,
    tokenMask: 0.2,
    perExpertScale: mixes ? 0 : 0.2,
    globalScale: mixes ? 0 : 0.2,
    sharedLogits: shares ? 0.4 : 0,
  };
  const names = Object.keys(likely) as RouterTensorName[];
  return hostDispatch(seed, {
    router,
    tokens: 1 + below(most.tokens),
    experts: sizes.experts,
    hidden: pick([1, 2, 5, 8, 16]),
    dtype: pick(['float32', 'float16', 'bfloat16'] as const),
    gatingDtype: pick(['float32', 'float32', 'float16', 'bfloat16'] as const),
    tensors: names.filter((name) => random() < likely[name]),
    spread: pick([1, 1, 3, 30, 100]),
  });
}

interface GroupSizes {
  readonly experts: number;
  readonly nGroup: number;
  readonly topkGroup: number;
}

function groupSizes(seed: number, most: number): GroupSizes {
  const { below, pick } = choices(seed + 0.25);
  if (below(2) === 0) return { experts: 2 + below(most - 1), nGroup: 1, topkGroup: 1 };
  const nGroup = pick([2, 3, 4, 8, 8, 40].filter((n) => n <= most));
  const width = 1 + below(Math.floor(most / nGroup));
  return { experts: nGroup * width, nGroup, topkGroup: 1 + below(nGroup) };
}

function mixer(seed: number): Router {
  return { topK: 2, selection: 'sparsemixer', jitterEps: choices(seed).pick([0, 0.01, 0.1, 1]) };
}

function randomRouter(seed: number, { experts, nGroup, topkGroup }: GroupSizes): Router {
  const { random, below, pick } = choices(seed + 0.5);
  const kept = (experts / nGroup) * topkGroup;
  const normTopkProb = random() < 0.5;
  const zeros = random() < 0.3 ? 1 + below(experts - 1) : 0;
  const kind = pick(['identity', 'skip'] as const);
  return {
    topK: 1 + below(random() < 0.8 ? Math.min(kept, 8) : kept),
    scoringFunc: pick(['softmax', 'softmax', 'sigmoid', 'sqrtsoftplus', 'none'] as const),
    ...(topkGroup < nGroup && { nGroup, topkGroup, groupScoreFunc: pick(['max', 'top2_sum'] as const) }),
    ...(normTopkProb && { normTopkProb, normEps: pick([0, 1e-20, 1e-6]) }),
    routedScalingFactor: pick([1, 1, 2.5, 0.1]),
    ...(zeros > 0 && { zeroExperts: { count: zeros, kind } }),
    ...((zeros === 0 || kind === 'skip') && { applyRouterWeightOnInput: random() < 0.2 }),
    ...(random() < 0.25 && {
      expertCapacity: 1 + below(6),
      dropPolicy: pick(['position', 'probs'] as const),
      normBeforeDrop: normTopkProb && random() < 0.5,
    }),
  };
}

function choices(seed: number) {
  const random = randomNumbers(Math.floor(seed * 4096));
  const below = (end: number) => Math.floor(random() * end);
  return { random, below, pick: <T>(values: readonly T[]): T => values[below(values.length)] };
}
