import type { FloatDType, Router } from '@moe-dispatch/core';
import { narrow, randomNumbers } from './exact-sums.js';

type Values = Float32Array | Uint16Array | Int32Array | Uint8Array;

/** A tensor on the host. */
export interface HostTensor {
  readonly data: Values;
  readonly shape: readonly number[];
  readonly dtype: FloatDType | 'int32' | 'uint8';
}

/** A call of moeDispatch on the host. */
export interface HostDispatch {
  readonly router: Router;
  readonly gating: HostTensor;
  readonly x: HostTensor;
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

export interface Limits {
  readonly tokens: number;
  readonly experts: number;
}

/** A router with any options, and tensors with telling values: ties, zeros of both signs, NaN, infinities, subnormals. */
export function randomDispatch(seed: number, most: Limits): HostDispatch {
  const random = randomNumbers(seed);
  const below = (end: number) => Math.floor(random() * end);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  const tokens = 1 + below(most.tokens);
  const gatingDtype = pick(['float32', 'float32', 'float16', 'bfloat16'] as const);
  const dtype = pick(['float32', 'float16', 'bfloat16'] as const);
  const hidden = pick([1, 2, 5, 8, 16]);
  const sizes = groupSizes(below, pick, most.experts);
  const { experts } = sizes;
  const router = randomRouter(random, sizes);
  const { topK } = router;
  const spread = pick([1, 1, 3, 30, 100]);
  const value = () => {
    const kind = random();
    if (kind < 0.02) return pick([0, -0, NaN, Infinity, -Infinity, 1e-40, -1e-40, 3e38, -3e38]);
    if (kind < 0.2) return Math.round((random() - 0.5) * 4);
    return (random() - 0.5) * spread;
  };
  const floats = (shape: readonly number[], of: () => number, type: FloatDType = 'float32'): HostTensor => {
    const length = shape.reduce((a, b) => a * b, 1);
    return { data: narrow(type, Float32Array.from({ length }, of)), shape, dtype: type };
  };
  const tensors: Record<string, HostTensor> = {};
  const mixes = router.selection === 'sparsemixer';
  const grouped = router.nGroup !== undefined;
  if (!mixes && !grouped && random() < 0.15) {
    const data = Int32Array.from({ length: tokens * topK }, () => below(experts + 1) - 1);
    tensors.expertIds = { data, shape: [tokens, topK], dtype: 'int32' };
  } else if (!mixes && random() < 0.5) tensors.eScoreCorrectionBias = floats([experts], value);
  if (random() < 0.2) {
    const data = Uint8Array.from({ length: tokens }, () => pick([0, 1, 255]));
    tensors.tokenMask = { data, shape: [tokens], dtype: 'uint8' };
  }
  if (!mixes && random() < 0.2) tensors.perExpertScale = floats([experts], () => random() * 4 - 1);
  if (!mixes && random() < 0.2) tensors.globalScale = floats([1], () => random() * 3);
  if (router.normTopkProb && (router.scoringFunc ?? 'softmax') !== 'softmax' && random() < 0.4) {
    tensors.sharedLogits = floats([tokens, 1 + below(3)], value);
  }
  return {
    router,
    gating: floats([tokens, experts], value, gatingDtype),
    x: floats([tokens, hidden], () => random() * 4 - 2, dtype),
    tensors,
  };
}

interface GroupSizes {
  readonly experts: number;
  readonly nGroup: number;
  readonly topkGroup: number;
}

function groupSizes(
  below: (end: number) => number,
  pick: <T>(values: readonly T[]) => T,
  most: number,
): GroupSizes {
  if (below(2) === 0) return { experts: 2 + below(most - 1), nGroup: 1, topkGroup: 1 };
  const nGroup = pick([1, 2, 3, 4, 8, 8, 40].filter((n) => n <= most));
  const width = 1 + below(Math.floor(most / nGroup));
  return {
    experts: Math.max(2, nGroup * width),
    nGroup: nGroup * width < 2 ? 1 : nGroup,
    topkGroup: 1 + below(nGroup),
  };
}

function randomRouter(random: () => number, { experts, nGroup, topkGroup }: GroupSizes): Router {
  const below = (end: number) => Math.floor(random() * end);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  if (random() < 0.08) {
    return { topK: 2, selection: 'sparsemixer', jitterEps: pick([0, 0.01, 0.1, 1]) };
  }
  const kept = (experts / nGroup) * topkGroup;
  const topK = random() < 0.8 ? 1 + below(Math.min(kept, 8)) : 1 + below(kept);
  const normTopkProb = random() < 0.5;
  const expertCapacity = random() < 0.25 ? 1 + below(6) : undefined;
  const zeros = random() < 0.3 ? 1 + below(experts - 1) : 0;
  const kind = pick(['identity', 'skip'] as const);
  return {
    topK,
    scoringFunc: pick(['softmax', 'softmax', 'sigmoid', 'sqrtsoftplus', 'none'] as const),
    ...(topkGroup < nGroup && { nGroup, topkGroup, groupScoreFunc: pick(['max', 'top2_sum'] as const) }),
    ...(normTopkProb && { normTopkProb, normEps: pick([0, 1e-20, 1e-6]) }),
    routedScalingFactor: pick([1, 1, 2.5, 0.1]),
    ...(zeros > 0 && { zeroExperts: { count: zeros, kind } }),
    ...((zeros === 0 || kind === 'skip') && { applyRouterWeightOnInput: random() < 0.2 }),
    ...(expertCapacity && {
      expertCapacity,
      dropPolicy: pick(['position', 'probs'] as const),
      normBeforeDrop: normTopkProb && random() < 0.5,
    }),
  };
}
