import {
  bfloat16FromBits,
  bfloat16ToFloat32,
  type DType,
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
  /** A token's sums, and the same rounded to 16 bits. */
  readonly sums: Float32Array;
  readonly sumBits: Int32Array;
  readonly words: Uint16Array;

  constructor(topK: number, hidden: number) {
    this.topK = topK;
    this.hidden = hidden;
    this.weights = new Float32Array(topK);
    this.starts = new Array<number>(topK).fill(0);
    this.sums = new Float32Array(hidden);
    this.sumBits = new Int32Array(this.sums.buffer);
    this.words = new Uint16Array(hidden);
  }
}

/** Beyond this many elements an index is no int32, and compiled code several times as slow. */
const INT32_ELEMENTS = 2 ** 31;

/** The weighted sum of each token's rows (docs/semantics.md, "moe_reduce"). */
export function reduceTokens(call: ReduceCall<CpuTensor>, scratch: ReduceScratch): void {
  const { tokens, topK, hidden, output } = call;
  const rows = call.permuteIndicesPerToken.array as Int32Array;
  checkIndices('permuteIndicesPerToken', rows, topK * tokens, topK * tokens);
  if (call.ffn2Bias !== null) {
    checkIndices('topKIndices', call.topKIndices.array as Int32Array, tokens * topK, call.numExperts);
  }
  const target = output.array as Uint16Array;
  const addRows = output.dtype === 'float32' ? addFloat32Rows : addWordRows;
  for (let token = 0; token < tokens; token++) {
    scratch.sums.fill(0);
    if (setWeights(call, token, scratch.weights)) {
      for (let k = 0; k < topK; k++) scratch.starts[k] = rows[k * tokens + token] * hidden;
      addRows(call, token, scratch);
    }
    target.set(roundSums(output.dtype, scratch) as Uint16Array, token * hidden);
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

function addFloat32Rows(call: ReduceCall<CpuTensor>, token: number, scratch: ReduceScratch): void {
  const { hidden, topK } = call;
  const source = call.ffnOut.array as Float32Array;
  const bias = call.ffn2Bias?.array as Float32Array | undefined;
  const { starts, weights, sums } = scratch;
  const far = source.length > INT32_ELEMENTS;
  if (bias === undefined && !far) {
    float32Rows.addRows(sums, source, starts, weights, hidden);
    return;
  }
  for (let k = 0; k < topK; k++) {
    const rows = far ? source.subarray(starts[k], starts[k] + hidden) : source;
    const start = far ? 0 : starts[k];
    if (bias === undefined) float32Rows.addRow(sums, rows, start, weights[k], hidden);
    else float32Rows.addBiasedRow(sums, rows, start, bias, biasStart(call, token, k), weights[k], hidden);
  }
}

/** addFloat32Rows for 16-bit words. */
function addWordRows(call: ReduceCall<CpuTensor>, token: number, scratch: ReduceScratch): void {
  const { hidden, topK } = call;
  const source = call.ffnOut.array as Uint16Array;
  const bias = call.ffn2Bias?.array as Uint16Array | undefined;
  const values = call.ffnOut.dtype === 'float16' ? float16Values() : bfloat16Values();
  const { starts, weights, sums } = scratch;
  const far = source.length > INT32_ELEMENTS;
  if (bias === undefined && !far) {
    wordRows.addRows(sums, values, source, starts, weights, hidden);
    return;
  }
  for (let k = 0; k < topK; k++) {
    const rows = far ? source.subarray(starts[k], starts[k] + hidden) : source;
    const start = far ? 0 : starts[k];
    if (bias === undefined) wordRows.addRow(sums, values, rows, start, weights[k], hidden);
    else
      wordRows.addBiasedRow(sums, values, rows, start, bias, biasStart(call, token, k), weights[k], hidden);
  }
}

function biasStart(call: ReduceCall<CpuTensor>, token: number, k: number): number {
  return (call.topKIndices.array as Int32Array)[token * call.topK + k] * call.hidden;
}

/** The sums in the output's dtype, rounded once. */
function roundSums(dtype: DType, scratch: ReduceScratch): Float32Array | Uint16Array {
  const { sums, sumBits, words } = scratch;
  if (dtype === 'float32') return sums;
  if (dtype === 'float16') for (let i = 0; i < words.length; i++) words[i] = float16FromBits(sumBits[i]);
  else for (let i = 0; i < words.length; i++) words[i] = bfloat16FromBits(sumBits[i]);
  return words;
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
