import {
  bfloat16FromBits,
  bfloat16ToFloat32,
  float16FromBits,
  float16ToFloat32,
  type ReduceCall,
} from '@moe-dispatch/core';
import { checkIndices } from './check-indices.js';
import type { CpuTensor } from './tensor.js';
import * as float32Rows from './weighted-sum.js';
import * as wordRows from './weighted-sum-16.js';

/** Scratch of moeReduce for one size. */
export class ReduceScratch {
  readonly topK: number;
  readonly hidden: number;
  /** A token's weights, and where its rows start. */
  readonly weights: Float32Array;
  readonly starts: number[];
  /** A token's sums before they are rounded to 16 bits. */
  readonly sums: Float32Array;
  readonly sumBits: Uint32Array;

  constructor(topK: number, hidden: number) {
    this.topK = topK;
    this.hidden = hidden;
    this.weights = new Float32Array(topK);
    this.starts = new Array<number>(topK).fill(0);
    this.sums = new Float32Array(hidden);
    this.sumBits = new Uint32Array(this.sums.buffer);
  }
}

/** The weighted sum of each token's rows (docs/semantics.md, "moe_reduce"). */
export function reduceTokens(call: ReduceCall<CpuTensor>, scratch: ReduceScratch): void {
  const { tokens, topK, hidden, output } = call;
  const rows = call.permuteIndicesPerToken.array as Int32Array;
  checkIndices('permuteIndicesPerToken', rows, topK * tokens, topK * tokens);
  if (call.ffn2Bias !== null) {
    checkIndices('topKIndices', call.topKIndices.array as Int32Array, tokens * topK, call.numExperts);
  }
  const sumRows = output.dtype === 'float32' ? sumFloat32 : sum16Bit;
  const { starts } = scratch;
  for (let token = 0; token < tokens; token++) {
    const weighted = setWeights(call, token, scratch.weights);
    for (let k = 0; k < topK; k++) starts[k] = rows[k * tokens + token] * hidden;
    if (weighted) sumRows(call, token, scratch);
    else output.array.fill(0 as never, token * hidden, (token + 1) * hidden);
  }
}

/**
 * One factor a choice: scale, normalisation and routedScalingFactor, rounded to float32 once.
 * @returns false where the token's scales are to be normalised but sum to 0.
 */
function setWeights(call: ReduceCall<CpuTensor>, token: number, weights: Float32Array): boolean {
  const scales = call.expertScalesFloat.array as Float32Array;
  const { topK, normTopkProb, routedScalingFactor } = call;
  const first = token * topK;
  let norm = 1;
  if (normTopkProb) {
    norm = 0;
    for (let k = 0; k < topK; k++) norm += scales[first + k];
    if (norm === 0) return false;
  }
  for (let k = 0; k < topK; k++) weights[k] = (scales[first + k] / norm) * routedScalingFactor;
  return true;
}

function sumFloat32(call: ReduceCall<CpuTensor>, token: number, scratch: ReduceScratch): void {
  const { hidden, topK, ffn2Bias } = call;
  const source = call.ffnOut.array as Float32Array;
  const sums = call.output.array as Float32Array;
  const { starts, weights } = scratch;
  const at = token * hidden;
  sums.fill(0, at, at + hidden);
  if (ffn2Bias === null) {
    float32Rows.addRows(sums, at, source, starts, weights, hidden);
    return;
  }
  const bias = ffn2Bias.array as Float32Array;
  const experts = call.topKIndices.array as Int32Array;
  for (let k = 0; k < topK; k++) {
    const biasStart = experts[token * topK + k] * hidden;
    float32Rows.addBiasedRow(sums, at, source, starts[k], bias, biasStart, weights[k], hidden);
  }
}

function sum16Bit(call: ReduceCall<CpuTensor>, token: number, scratch: ReduceScratch): void {
  const { hidden, topK, ffn2Bias, ffnOut } = call;
  const source = ffnOut.array as Uint16Array;
  const half = ffnOut.dtype === 'float16';
  const values = half ? float16Values() : bfloat16Values();
  const { starts, weights, sums } = scratch;
  sums.fill(0);
  if (ffn2Bias === null) {
    wordRows.addRows(sums, 0, values, source, starts, weights, hidden);
  } else {
    const bias = ffn2Bias.array as Uint16Array;
    const experts = call.topKIndices.array as Int32Array;
    for (let k = 0; k < topK; k++) {
      const biasStart = experts[token * topK + k] * hidden;
      wordRows.addBiasedRow(sums, 0, values, source, starts[k], bias, biasStart, weights[k], hidden);
    }
  }
  const target = call.output.array as Uint16Array;
  if (half) roundToFloat16(scratch.sumBits, target, token * hidden);
  else roundToBfloat16(scratch.sumBits, target, token * hidden);
}

function roundToFloat16(bits: Uint32Array, target: Uint16Array, at: number): void {
  for (let i = 0; i < bits.length; i++) target[at + i] = float16FromBits(bits[i]);
}

function roundToBfloat16(bits: Uint32Array, target: Uint16Array, at: number): void {
  for (let i = 0; i < bits.length; i++) target[at + i] = bfloat16FromBits(bits[i]);
}

const float16Values = tableOf(float16ToFloat32);
const bfloat16Values = tableOf(bfloat16ToFloat32);

/** The values of all 65,536 words, made on first use. */
function tableOf(widen: (words: Uint16Array) => Float32Array): () => Float32Array {
  let table: Float32Array | undefined;
  return () => {
    table ??= widen(Uint16Array.from({ length: 65536 }, (_, word) => word));
    return table;
  };
}
