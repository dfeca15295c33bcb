import { bfloat16ToFloat32, type DType, float16ToFloat32 } from '@moe-dispatch/core';
import { bfloat16FromBits, type Call, float16FromBits } from '@moe-dispatch/core/backend';
import { checkIndices } from './check-indices.js';
import type { CpuTensor } from './tensor.js';
import * as float32Rows from './weighted-sum.js';
import * as wordRows from './weighted-sum-16.js';
import type { ReduceWorkspace } from './workspace.js';

type ReduceCall = Call<'moeReduce', CpuTensor>;

/** Beyond this many elements an index is no int32, and compiled code several times as slow. */
const INT32_ELEMENTS = 2 ** 31;

/** The weighted sum of each token's rows (docs/semantics.md, "moeReduce"). */
export function reduceTokens(call: ReduceCall, workspace: ReduceWorkspace): void {
  const { tokens, topK, hidden, output } = call;
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  checkIndices('permuteIndicesPerToken', rows, topK * tokens, topK * tokens);
  if (call.ffn2Bias !== null) {
    checkIndices('topKIndices', call.topKIndices.padded as Int32Array, tokens * topK, call.numExperts);
  }
  const target = output.padded as Uint16Array;
  for (let token = 0; token < tokens; token++) {
    workspace.sums.fill(0);
    setWeights(call, token, workspace.weights);
    for (let k = 0; k < topK; k++) workspace.starts[k] = rows[k * tokens + token] * hidden;
    addTokenRows(call, token, workspace);
    target.set(roundSums(output.dtype, workspace) as Uint16Array, token * hidden);
  }
}

/** The weight of each choice: scale, normalisation and routedScalingFactor, each step rounded to float32. */
function setWeights(call: ReduceCall, token: number, weights: Float32Array): void {
  const scales = call.expertScalesFloat.padded as Float32Array;
  const { topK, normTopkProb, routedScalingFactor } = call;
  const first = token * topK;
  let sum = 0;
  for (let k = 0; k < topK; k++) sum = Math.fround(sum + scales[first + k]);
  for (let k = 0; k < topK; k++) {
    const scale = scales[first + k];
    const share = normTopkProb ? (sum === 0 ? 0 : Math.fround(scale / sum)) : scale;
    weights[k] = share * routedScalingFactor;
  }
}

function addTokenRows(call: ReduceCall, token: number, workspace: ReduceWorkspace): void {
  const { hidden, topK, ffnOut } = call;
  const { starts, weights, sums } = workspace;
  const { addRows, addRow, addBiasedRow } = ffnOut.dtype === 'float32' ? float32Rows : wordRows;
  const values = tableOf(ffnOut.dtype);
  // Each of the two takes its own kind of array.
  const source = ffnOut.padded as never;
  const bias = call.ffn2Bias?.padded as never;
  const far = ffnOut.padded.length > INT32_ELEMENTS;
  if (bias === undefined && !far) {
    addRows(sums, values, source, starts, weights);
    return;
  }
  const experts = call.topKIndices.padded as Int32Array;
  for (let k = 0; k < topK; k++) {
    const end = starts[k] + hidden;
    const rows = far ? ((ffnOut.padded as Uint16Array).subarray(starts[k], end) as never) : source;
    const start = far ? 0 : starts[k];
    if (bias === undefined) addRow(sums, values, rows, start, weights[k]);
    else addBiasedRow(sums, values, rows, start, bias, experts[token * topK + k] * hidden, weights[k]);
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
