import type { FloatDType } from '@moe-dispatch/core';
import { decode, FLOAT_FORMATS, roundTo } from './float-formats.js';
import type { HostTensor } from './host-tensor.js';

/* moeReduce as docs/semantics.md defines it. Nothing here is shared with a backend. */

export interface ReduceOptions {
  readonly normTopkProb?: boolean;
  readonly routedScalingFactor?: number;
  readonly applyRouterWeightOnInput?: boolean;
}

export interface ReduceInput extends ReduceOptions {
  /** [K·T, D] */
  readonly ffnOut: HostTensor<FloatDType>;
  /** [T, K] */
  readonly expertScalesFloat: HostTensor<'float32'>;
  /** [K, T] */
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
  /** [T, K] */
  readonly topKIndices: HostTensor<'int32'>;
  /** [E, D] or [E, 1, D] */
  readonly ffn2Bias?: HostTensor<FloatDType>;
  /** [T, D] or [B, S, D]: what identity experts return */
  readonly x?: HostTensor<FloatDType>;
}

export interface ExpectedReduce {
  /** [T, D]: numbers of the dtype, as the contract defines them. */
  readonly exact: Float64Array;
  /** [T, D] in float64, not rounded: what a backend with `exact: false` comes near to. */
  readonly values: Float64Array;
  /** [T, D]: the sum of the terms' magnitudes, to which rounding errors are relative. */
  readonly magnitudes: Float64Array;
  readonly shape: readonly [tokens: number, hidden: number];
  readonly topK: number;
  readonly dtype: FloatDType;
}

/** The weights of a token's choices, in float32 and in float64. */
interface Weights {
  readonly exact: readonly number[];
  readonly real: readonly number[];
}

/**
 * A choice whose row or (with a bias) expert is out of range adds nothing. One of an expert that has no row, which the map
 * says with −1, adds x, if that is given.
 */
export function expectReduce(input: ReduceInput): ExpectedReduce {
  const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias, x } = input;
  const { dtype } = ffnOut;
  const [tokens, topK] = expertScalesFloat.shape;
  const hidden = ffnOut.shape[1];
  const numExperts = ffn2Bias?.shape[0] ?? 0;
  const rows = decode(dtype, ffnOut.data);
  const bias = ffn2Bias && decode(dtype, ffn2Bias.data);
  const identity = x && decode(dtype, x.data);
  const exact = new Float64Array(tokens * hidden);
  const values = new Float64Array(tokens * hidden);
  const magnitudes = new Float64Array(tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    const given = Array.from(expertScalesFloat.data.subarray(token * topK, (token + 1) * topK));
    const scales = input.applyRouterWeightOnInput === true ? given.map(() => 1) : given;
    const weights = weigh(scales, input);
    for (let k = 0; k < topK; k++) {
      const row = permuteIndicesPerToken.data[k * tokens + token];
      const expert = topKIndices.data[token * topK + k];
      const isIdentity = row === -1 && identity !== undefined && expert >= 0;
      const hasRow = within(row, tokens * topK) && (bias === undefined || within(expert, numExperts));
      if (!isIdentity && !hasRow) continue;
      for (let d = 0; d < hidden; d++) {
        const i = token * hidden + d;
        const value = isIdentity ? identity[i] : rows[row * hidden + d];
        const b = bias === undefined || isIdentity ? 0 : bias[expert * hidden + d];
        exact[i] = Math.fround(exact[i] + Math.fround(weights.exact[k] * Math.fround(value + b)));
        const term = weights.real[k] * (value + b);
        values[i] += term;
        magnitudes[i] += Math.abs(term);
      }
    }
  }
  const format = FLOAT_FORMATS[dtype];
  return {
    exact: exact.map((sum) => roundTo(format, sum)),
    values,
    magnitudes,
    shape: [tokens, hidden],
    topK,
    dtype,
  };
}

/* Sums, products and quotients of two float32 numbers: rounded to float64 and then to float32, they are as if rounded once. */
function weigh(scales: readonly number[], { normTopkProb, routedScalingFactor = 1 }: ReduceOptions): Weights {
  const factor = Math.fround(routedScalingFactor);
  if (normTopkProb !== true) {
    return {
      exact: scales.map((scale) => Math.fround(scale * factor)),
      real: scales.map((scale) => scale * factor),
    };
  }
  const sum = scales.reduce((total, scale) => Math.fround(total + scale));
  const share = (scale: number) => (sum === 0 ? 0 : scale / sum);
  return {
    exact: scales.map((scale) => Math.fround(Math.fround(share(scale)) * factor)),
    real: scales.map((scale) => share(scale) * factor),
  };
}

function within(index: number, length: number): boolean {
  return index >= 0 && index < length;
}
