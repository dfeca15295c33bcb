import type { DType } from '@moe-dispatch/core';
import { bfloat16FromBits, type Call, float16FromBits } from '@moe-dispatch/core/backend';
import { checkIndices, outOfRange } from './check-indices.js';
import { tableOf } from './float-table.js';
import type { CpuTensor } from './tensor.js';
import * as float32Rows from './weighted-sum.js';
import * as wordRows from './weighted-sum-16.js';
import type { ReduceWorkspace } from './workspace.js';

type ReduceCall = Call<'moeReduce', CpuTensor>;

/** Beyond this many elements an index is no int32, and compiled code several times as slow. */
const INT32_ELEMENTS = 2 ** 31;

/** The weighted sum of each token's rows (docs/semantics.md, "moeReduce"). */
export function reduceTokens(call: ReduceCall, workspace: ReduceWorkspace): void {
  checkReduceIndices(call);
  const { tokens, topK, hidden, output } = call;
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  const target = output.padded as Uint16Array;
  for (let token = 0; token < tokens; token++) {
    workspace.sums.fill(0);
    setWeights(call, token, workspace.weights);
    let whole = true;
    for (let k = 0; k < topK; k++) {
      const row = rows[k * tokens + token];
      whole &&= row >= 0;
      workspace.starts[k] = row * hidden;
    }
    addTokenRows(call, token, workspace, whole);
    target.set(roundSums(output.dtype, workspace) as Uint16Array, token * hidden);
  }
}

/** Throws INDEX_OUT_OF_RANGE for a row or an expert that is not there. */
export function checkReduceIndices(call: ReduceCall): void {
  const { tokens, topK } = call;
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  checkIndices('permuteIndicesPerToken', rows, topK * tokens, topK * tokens, -1);
  if (call.ffn2Bias !== null) checkExperts(call, rows);
}

/** A choice that has a row has an expert with a bias. */
function checkExperts({ tokens, topK, numExperts, topKIndices }: ReduceCall, rows: Int32Array): void {
  const experts = topKIndices.padded as Int32Array;
  for (let i = 0; i < tokens * topK; i++) {
    const row = rows[(i % topK) * tokens + Math.floor(i / topK)];
    if (row >= 0 && experts[i] >>> 0 >= numExperts)
      throw outOfRange('topKIndices', experts[i], i, numExperts);
  }
}

/** The weight of each choice: scale, normalisation and routedScalingFactor, each step rounded to float32. */
function setWeights(call: ReduceCall, token: number, weights: Float32Array): void {
  const scales = call.expertScalesFloat.padded as Float32Array;
  const { topK, normTopkProb, routedScalingFactor, applyRouterWeightOnInput } = call;
  const first = token * topK;
  let sum = 0;
  for (let k = 0; k < topK; k++) sum = Math.fround(sum + scales[first + k]);
  for (let k = 0; k < topK; k++) {
    const scale = applyRouterWeightOnInput ? 1 : scales[first + k];
    const share = normTopkProb ? (sum === 0 ? 0 : Math.fround(scale / sum)) : scale;
    weights[k] = share * routedScalingFactor;
  }
}

/** @param whole whether each choice has a row */
function addTokenRows(call: ReduceCall, token: number, workspace: ReduceWorkspace, whole: boolean): void {
  const { hidden, topK, ffnOut, x } = call;
  const { starts, weights, sums } = workspace;
  const { addRows, addRow, addBiasedRow } = ffnOut.dtype === 'float32' ? float32Rows : wordRows;
  const values = tableOf(ffnOut.dtype);
  // Each of the two takes its own kind of array.
  const source = ffnOut.padded as never;
  const bias = call.ffn2Bias?.padded as never;
  const far = ffnOut.padded.length > INT32_ELEMENTS;
  if (bias === undefined && !far && whole) {
    addRows(sums, values, source, starts, weights);
    return;
  }
  const experts = call.topKIndices.padded as Int32Array;
  for (let k = 0; k < topK; k++) {
    const expert = experts[token * topK + k];
    if (starts[k] < 0) {
      // An identity expert returns the token's own row.
      if (x !== null && expert >= 0) addRow(sums, values, x.padded as never, token * hidden, weights[k]);
      continue;
    }
    const end = starts[k] + hidden;
    const rows = far ? ((ffnOut.padded as Uint16Array).subarray(starts[k], end) as never) : source;
    const start = far ? 0 : starts[k];
    if (bias === undefined) addRow(sums, values, rows, start, weights[k]);
    else addBiasedRow(sums, values, rows, start, bias, expert * hidden, weights[k]);
  }
}

/** The sums in the output's dtype, rounded once. */
function roundSums(dtype: DType, workspace: ReduceWorkspace): Float32Array | Uint16Array {
  const { sums, sumBits, words } = workspace;
  if (dtype === 'float32') return sums;
  if (dtype === 'float16') for (let i = 0; i < words.length; i++) words[i] = float16FromBits(sumBits[i]);
  else for (let i = 0; i < words.length; i++) words[i] = bfloat16FromBits(sumBits[i]);
  return words;
}
