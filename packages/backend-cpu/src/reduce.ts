import {
  bfloat16FromBits,
  bfloat16ToFloat32,
  type DType,
  float16FromBits,
  float16ToFloat32,
  type ReduceCall,
} from '@moe-dispatch/core';
import { checkIndices } from './check-indices.js';
import { scratchArray } from './scratch.js';
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
    this.weights = scratchArray(Float32Array, topK);
    this.starts = new Array<number>(topK).fill(0);
    this.sums = scratchArray(Float32Array, hidden);
    this.sumBits = new Int32Array(this.sums.buffer);
    this.words = scratchArray(Uint16Array, hidden);
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
  for (let token = 0; token < tokens; token++) {
    scratch.sums.fill(0);
    if (setWeights(call, token, scratch.weights)) {
      for (let k = 0; k < topK; k++) scratch.starts[k] = rows[k * tokens + token] * hidden;
      addTokenRows(call, token, scratch);
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
  let norm = 0;
  for (let k = 0; k < topK; k++) norm = Math.fround(norm + scales[first + k]);
  if (!normTopkProb) norm = 1;
  for (let k = 0; k < topK; k++) weights[k] = (scales[first + k] / norm) * routedScalingFactor;
  return norm !== 0;
}

function addTokenRows(call: ReduceCall<CpuTensor>, token: number, scratch: ReduceScratch): void {
  const { hidden, topK, ffnOut } = call;
  const { starts, weights, sums } = scratch;
  const { addRows, addRow, addBiasedRow } = ffnOut.dtype === 'float32' ? float32Rows : wordRows;
  const values = tableOf(ffnOut.dtype);
  // Each of the two takes its own kind of array.
  const source = ffnOut.array as never;
  const bias = call.ffn2Bias?.array as never;
  const far = ffnOut.array.length > INT32_ELEMENTS;
  if (bias === undefined && !far) {
    addRows(sums, values, source, starts, weights);
    return;
  }
  const experts = call.topKIndices.array as Int32Array;
  for (let k = 0; k < topK; k++) {
    const end = starts[k] + hidden;
    const rows = far ? ((ffnOut.array as Uint16Array).subarray(starts[k], end) as never) : source;
    const start = far ? 0 : starts[k];
    if (bias === undefined) addRow(sums, values, rows, start, weights[k]);
    else addBiasedRow(sums, values, rows, start, bias, experts[token * topK + k] * hidden, weights[k]);
  }
}

/** The sums in the output's dtype, rounded once. */
function roundSums(dtype: DType, scratch: ReduceScratch): Float32Array | Uint16Array {
  const { sums, sumBits, words } = scratch;
  if (dtype === 'float32') return sums;
  if (dtype === 'float16') for (let i = 0; i < words.length; i++) words[i] = float16FromBits(sumBits[i]);
  else for (let i = 0; i < words.length; i++) words[i] = bfloat16FromBits(sumBits[i]);
  return words;
}

const tables = new Map<DType, Float32Array>();

/** The values of all words of a 16-bit type, made on first use; nothing for float32. */
function tableOf(dtype: DType): Float32Array {
  let table = tables.get(dtype);
  if (table === undefined) {
    const words = Uint16Array.from({ length: dtype === 'float32' ? 0 : 65536 }, (_, word) => word);
    table = dtype === 'float16' ? float16ToFloat32(words) : bfloat16ToFloat32(words);
    tables.set(dtype, table);
  }
  return table;
}
