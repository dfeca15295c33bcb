import { DTYPES } from '@moe-dispatch/core';
import { type Call, invalid, type Operations } from '@moe-dispatch/core/backend';
import type { ReferenceTensor } from './reference-backend.js';
import { route } from './reference-router.js';
import type { Pair, Steps } from './reference-steps.js';

/** moeDispatch is not among them: core makes it of the stages. */
export function referenceOperations(steps: Steps): Operations<ReferenceTensor> {
  return {
    routeTokens: (call) => route(steps, call),
    planDispatch: (call) => plan(steps, call),
    permuteRows: (call) =>
      call.applyRouterWeightOnInput ? permuteWeighed(steps, call) : permute(steps, call),
    moeReduce: (call) => reduce(steps, call),
  };
}

function plan(steps: Steps, call: Call<'planDispatch', ReferenceTensor>): void {
  const { tokens, topK, numExperts, zeroExperts, topKIndices } = call;
  const counts = new Array<number>(numExperts - zeroExperts).fill(0);
  const pairs: Pair[] = [];
  call.permuteIndicesPerToken.view('int32').fill(-1);
  topKIndices.view('int32').forEach((expert, i) => {
    if (expert < -1 || expert >= numExperts) {
      if (steps.unchecked) return;
      throw outOfRange('topKIndices', expert);
    }
    if (expert === -1 || expert >= steps.expertsWithRows(numExperts, zeroExperts)) return;
    counts[expert] += 1;
    pairs.push({ expert, token: Math.floor(i / topK), choice: i % topK });
  });
  steps.order(pairs).forEach(({ token, choice }, row) => {
    call.permuteIndicesPerToken.view('int32')[choice * tokens + token] = steps.rowOf(row);
  });
  let sum = 0;
  call.expertOffsets.view('int32')[0] = 0;
  counts.forEach((count, expert) => {
    sum += count;
    call.tokenNumsPerExpert.view('int64')[expert] = BigInt(steps.prefixSumAsCounts ? sum : count);
    call.expertOffsets.view('int32')[expert + 1] = sum;
  });
}

function permute(steps: Steps, call: Call<'permuteRows', ReferenceTensor>): void {
  const { tokens, topK, hidden, x, permuteIndicesPerToken, permuteInput } = call;
  const rowBytes = hidden * DTYPES[x.dtype].bytes;
  permuteIndicesPerToken.view('int32').forEach((row, i) => {
    if (row < -1 || row >= topK * tokens) throw outOfRange('plan.permuteIndicesPerToken', row);
    if (row === -1) return;
    const token = i % tokens;
    const source = x.bytes.subarray(token * rowBytes, (token + 1) * rowBytes);
    steps.copyRow(source, permuteInput.bytes, row * rowBytes, token, x.dtype);
  });
}

function permuteWeighed(steps: Steps, call: Call<'permuteRows', ReferenceTensor>): void {
  const { tokens, topK, hidden, x, permuteIndicesPerToken, expertScalesFloat, permuteInput } = call;
  const values = x.floats();
  const weights = expertScalesFloat!.view('float32');
  const result = permuteInput.floats();
  permuteIndicesPerToken.view('int32').forEach((row, i) => {
    if (row === -1) return;
    const token = i % tokens;
    const weight = weights[steps.weightPlace(token, Math.floor(i / tokens), topK, tokens)];
    for (let d = 0; d < hidden; d++) result[row * hidden + d] = weight * values[token * hidden + d];
  });
  permuteInput.setFloats(result);
}

function reduce(steps: Steps, call: Call<'moeReduce', ReferenceTensor>): void {
  const { tokens, topK, hidden, numExperts, ffnOut, ffn2Bias, output } = call;
  const scales = call.expertScalesFloat.view('float32');
  const rows = call.permuteIndicesPerToken.view('int32');
  const experts = call.topKIndices.view('int32');
  const ffn = ffnOut.floats();
  const bias = ffn2Bias?.floats();
  const identity = call.x?.floats();
  const { weigh, addTerm, finish } = steps;
  const result = new Float32Array(tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    const scalesOfToken = Array.from(scales.subarray(token * topK, (token + 1) * topK));
    const given = call.applyRouterWeightOnInput ? scalesOfToken.map(() => 1) : scalesOfToken;
    const weights = weigh(given, call.normTopkProb, call.routedScalingFactor);
    for (let d = 0; d < hidden; d++) {
      let sum = 0;
      for (let k = 0; k < topK; k++) {
        const row = rows[k * tokens + token];
        const expert = experts[token * topK + k];
        if (row < -1 || row >= tokens * topK) throw outOfRange('permuteIndicesPerToken', row);
        if (row === -1) {
          const addsX = identity && steps.isIdentity(expert);
          if (addsX) sum = addTerm(sum, weights[k], identity[token * hidden + d], 0);
          continue;
        }
        if (bias && (expert < 0 || expert >= numExperts)) throw outOfRange('topKIndices', expert);
        const b = bias ? bias[expert * hidden + d] : 0;
        sum = addTerm(sum, weights[k], ffn[row * hidden + d], b);
      }
      result[token * hidden + d] = finish(sum, given, call.normTopkProb);
    }
  }
  output.setFloats(steps.roundResult(result));
}

function outOfRange(argument: string, value: number): Error {
  return invalid('INDEX_OUT_OF_RANGE', argument, `${value}`, 'in range');
}
