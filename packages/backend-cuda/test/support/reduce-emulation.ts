import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '@moe-dispatch/core';
import type { Words } from './problem.js';

type FloatDType = 'float32' | 'float16' | 'bfloat16';

/** A call of moeReduce, with values as the dtype's typed array holds them. */
export interface ReduceProblem {
  readonly dtype: FloatDType;
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly topK: number;
  readonly ffnOut: Float32Array | Uint16Array;
  readonly scales: Float32Array;
  /** Inverse map [K, T] and experts [T, K]; both hold indices out of range. */
  readonly map: Int32Array;
  readonly indices: Int32Array;
  readonly bias: Float32Array | Uint16Array | undefined;
  readonly normTopkProb: boolean;
  readonly routedScalingFactor: number;
}

const SCALES = [3e-44, 1e-45, 1e20, 3.4e38, 1e-38, 0, -0, 1, Infinity, Number.NaN];
const ROWS = [1.2, 1e20, 3e38, 1e-40, -1e-45, 65504, 7e-8, 0, -0, Infinity, -Infinity, Number.NaN];
const FACTORS = [1, 1, 2.5, -3, 1e38, 1e-38, 0.1, 0];

/** A problem of any size and mode, but for the sizes that are given; one in three has extreme values. */
export function drawReduce(words: Words, sizes: Partial<ReduceProblem> = {}): ReduceProblem {
  const from = <V>(...values: V[]): V => values[words.below(values.length)]!;
  const dtype = from<FloatDType>('float32', 'float16', 'bfloat16');
  const topK = sizes.topK ?? from(1, 1, 2, 3, 6, 8, 31, 33, 70);
  const experts = topK + words.below(20);
  const hidden = sizes.hidden ?? from(1, 3, 8, 24, 64, 255, 1024);
  const tokens = sizes.tokens ?? Math.min(from(1, 2, 7, 64, 300), Math.ceil(500_000 / (topK * hidden)));
  const extreme = words.below(3) === 0;
  const values = (count: number, extremes: readonly number[]) => {
    const drawn = words.floats(count);
    for (let i = 0; extreme && i < count; i++) if (words.below(4) === 0) drawn[i] = from(...extremes);
    return drawn;
  };
  const rows = (count: number) => fromFloats(values(count, ROWS), dtype);
  const pairs = topK * tokens;
  const map = Int32Array.from({ length: pairs }, (_, i) => (i * 7919) % pairs);
  const indices = Int32Array.from({ length: pairs }, () => words.below(experts));
  if (words.below(3) === 0) {
    for (let i = 0; i < pairs; i++) if (words.below(8) === 0) map[i] = from(-1, pairs, -(2 ** 31));
    for (let i = 0; i < pairs; i++) if (words.below(8) === 0) indices[i] = from(-1, experts, 2 ** 31 - 1);
  }
  return {
    ...{ dtype, tokens, hidden, experts, topK, map, indices },
    ffnOut: rows(pairs * hidden),
    scales: values(pairs, SCALES).map((each) => (extreme ? each : Math.abs(each))),
    bias: words.below(2) === 0 ? rows(experts * hidden) : undefined,
    normTopkProb: words.below(2) === 0,
    routedScalingFactor: from(...FACTORS),
  };
}

/** What the contract says, one operation after the other, each rounded to float32. */
export function emulateReduce(problem: ReduceProblem): Float32Array | Uint16Array {
  const { dtype, tokens, hidden, experts, topK, map, indices } = problem;
  const ffnOut = toFloats(problem.ffnOut, dtype);
  const bias = problem.bias && toFloats(problem.bias, dtype);
  const weights = makeWeights(problem);
  const output = new Float32Array(tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) {
      const row = map[k * tokens + token]!;
      const expert = indices[token * topK + k]!;
      if (row < 0 || row >= tokens * topK) continue;
      if (bias && (expert < 0 || expert >= experts)) continue;
      const weight = weights[token * topK + k]!;
      for (let i = 0; i < hidden; i++) {
        const x = ffnOut[row * hidden + i]!;
        const value = bias ? Math.fround(x + bias[expert * hidden + i]!) : x;
        // Storing rounds to float32.
        output[token * hidden + i]! += Math.fround(weight * value);
      }
    }
  }
  return fromFloats(output, dtype);
}

function makeWeights({
  tokens,
  topK,
  scales,
  normTopkProb,
  routedScalingFactor,
}: ReduceProblem): Float32Array {
  const factor = Math.fround(routedScalingFactor);
  const weights = Float32Array.from(scales);
  for (let first = 0; first < tokens * topK; first += topK) {
    const own = weights.subarray(first, first + topK);
    const sum = own.reduce((before, each) => Math.fround(before + each), 0);
    if (normTopkProb) for (let k = 0; k < topK; k++) own[k] = sum === 0 ? 0 : own[k]! / sum;
    for (let k = 0; k < topK; k++) own[k]! *= factor;
  }
  return weights;
}

export function toFloats(values: Float32Array | Uint16Array, dtype: FloatDType): Float32Array {
  if (values instanceof Float32Array) return values;
  return dtype === 'float16' ? float16ToFloat32(values) : bfloat16ToFloat32(values);
}

function fromFloats(values: Float32Array, dtype: FloatDType): Float32Array | Uint16Array {
  if (dtype === 'float32') return values;
  return dtype === 'float16' ? float32ToFloat16(values) : float32ToBfloat16(values);
}

/** The first element that differs, two NaNs being the same; -1 if there is none. */
export function firstDifference(
  found: Float32Array | Uint16Array,
  expected: Float32Array | Uint16Array,
  dtype: FloatDType,
): number {
  const [a, b] = [toFloats(found, dtype), toFloats(expected, dtype)];
  return a.findIndex((value, i) => !Object.is(value, b[i]));
}
