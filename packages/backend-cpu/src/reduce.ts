import type { DType } from '@moe-dispatch/core';
import { bfloat16FromBits, type Call, float16FromBits } from '@moe-dispatch/core/backend';
import { checkIndices, outOfRange } from './check-indices.js';
import { loadFloats } from './float-table.js';
import type { CpuTensor } from './tensor.js';
import type { ReduceWorkspace } from './workspace.js';

type ReduceCall = Call<'moeReduce', CpuTensor>;

const { fround } = Math;

/** The weighted sum of each token's rows (docs/semantics.md, "moeReduce"). */
export function reduceTokens(call: ReduceCall, workspace: ReduceWorkspace): void {
  checkReduceIndices(call);
  const { tokens, hidden, output } = call;
  const target = output.padded as Uint16Array;
  for (let token = 0; token < tokens; token++) {
    workspace.sums.fill(0);
    setWeights(call, token, workspace.weights);
    addTokenRows(call, token, workspace);
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
  for (let k = 0; k < topK; k++) sum = fround(sum + scales[first + k]);
  for (let k = 0; k < topK; k++) {
    const scale = applyRouterWeightOnInput ? 1 : scales[first + k];
    const share = normTopkProb ? (sum === 0 ? 0 : fround(scale / sum)) : scale;
    weights[k] = share * routedScalingFactor;
  }
}

/** Adds each of the token's weighted rows to the sums, in the order of its choices. */
function addTokenRows(call: ReduceCall, token: number, workspace: ReduceWorkspace): void {
  const { tokens, hidden, topK, ffnOut, ffn2Bias, x } = call;
  const { weights, sums, values, biases } = workspace;
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  const experts = call.topKIndices.padded as Int32Array;
  for (let k = 0; k < topK; k++) {
    const row = rows[k * tokens + token];
    const expert = experts[token * topK + k];
    if (row >= 0) {
      loadFloats(ffnOut, row * hidden, hidden, values, 0);
      if (ffn2Bias !== null) {
        loadFloats(ffn2Bias, expert * hidden, hidden, biases, 0);
        for (let i = 0; i < hidden; i++) values[i] += biases[i];
      }
    } else if (x !== null && expert >= 0) {
      // An identity expert returns the token's own row.
      loadFloats(x, token * hidden, hidden, values, 0);
    } else continue;
    const weight = weights[k];
    for (let i = 0; i < hidden; i++) sums[i] = fround(sums[i] + fround(weight * values[i]));
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
