import { float32ToBfloat16, float32ToFloat16, type Router, type RoutingOptions } from '@moe-dispatch/core';
import type { CpuBackend } from '../src/index.js';

/** Numbers from 0 to 1, the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4028234663852886e38, -0, 0];
const ODD_TOO = [-3.4028234663852886e38, 1e-40, -1e-40, 17.3, -17.3, 88, -88, -103.9, -300];

/** Gating values: smooth, of few values, wide, full of what is odd, or all alike, row by row. */
export function oddLogits(random: () => number, rows: number, columns: number): Float32Array {
  const odd = [...ODD, ...ODD_TOO];
  const kinds = [
    () => random() * 8 - 4,
    () => Math.floor(random() * 4) / 2 - 1,
    () => (random() - 0.5) * 400,
    () => odd[Math.floor(random() * odd.length)],
    () => (random() < 0.9 ? 3 * random() : odd[Math.floor(random() * odd.length)]),
    () => -120 + 40 * random(),
    () => 15 + 10 * random(),
    () => odd[rows % odd.length],
  ];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const kind = kinds[Math.floor(random() * kinds.length)];
    for (let i = 0; i < columns; i++) values[row * columns + i] = kind();
  }
  return values;
}

function integer(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** Paddle's arguments, or any router that can be had with its tensors. */
export function randomRouting(random: () => number, numExperts: number, tokens: number, backend: CpuBackend) {
  const often = (share: number) => random() < share;
  const pick = <V>(...values: V[]): V => values[Math.floor(random() * values.length)];
  const divisors = Array.from({ length: numExperts }, (_, i) => i + 1).filter((i) => numExperts % i === 0);
  if (often(0.15)) return { moeTopk: pick(...divisors), groupMoe: true } as RoutingOptions;
  const nGroup = often(0.5) ? pick(...divisors) : 1;
  const topkGroup = integer(random, 1, nGroup);
  const kept = (numExperts / nGroup) * topkGroup;
  const normTopkProb = often(0.4);
  const expertCapacity = often(0.2) ? integer(random, 1, tokens) : undefined;
  const scoringFunc = pick('softmax', 'sigmoid', 'sqrtsoftplus', 'none');
  const router: Router = {
    topK: integer(random, 1, often(0.2) ? kept : Math.min(kept, 8)),
    scoringFunc,
    nGroup,
    topkGroup,
    groupScoreFunc: pick('max', 'top2_sum'),
    normTopkProb,
    ...(normTopkProb && often(0.5) ? { normEps: 1e-20 } : {}),
    ...(often(0.3) ? { routedScalingFactor: 2.5 } : {}),
    ...(often(0.2) && numExperts > 1
      ? { zeroExperts: { count: integer(random, 1, numExperts - 1), kind: pick('identity', 'skip') } }
      : {}),
    ...(expertCapacity === undefined ? {} : { expertCapacity, dropPolicy: pick('position', 'probs') }),
    ...(expertCapacity !== undefined && normTopkProb ? { normBeforeDrop: often(0.5) } : {}),
  };
  const floats = (shape: number[], rows = 1) =>
    backend.tensor(oddLogits(random, rows, shape.reduce((a, b) => a * b) / rows), shape, 'float32');
  const tensors = {
    ...(often(0.5) ? { eScoreCorrectionBias: floats([numExperts]) } : {}),
    ...(often(0.2) ? { perExpertScale: floats([numExperts]) } : {}),
    ...(often(0.2) ? { globalScale: floats([1]) } : {}),
    ...(normTopkProb && scoringFunc !== 'softmax' && often(0.3)
      ? { sharedLogits: floats([tokens, 2], tokens) }
      : {}),
    ...(often(0.2)
      ? {
          tokenMask: backend.tensor(
            Uint8Array.from({ length: tokens }, () => integer(random, 0, 1)),
            [tokens],
            'uint8',
          ),
        }
      : {}),
  };
  return { router, ...tensors } as RoutingOptions;
}

export function gatingTensor(random: () => number, tokens: number, numExperts: number, backend: CpuBackend) {
  const values = oddLogits(random, tokens, numExperts);
  const shape = [tokens, numExperts];
  const kind = random();
  if (kind < 0.7) return backend.tensor(values, shape, 'float32');
  if (kind < 0.85) return backend.tensor(float32ToFloat16(values), shape, 'float16');
  return backend.tensor(float32ToBfloat16(values), shape, 'bfloat16');
}
