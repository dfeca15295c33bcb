import { DTYPES } from '@moe-dispatch/core';
import { type Call, invalid, type Operations } from '@moe-dispatch/core/backend';
import type { ReferenceTensor } from './reference-backend.js';
import type { Pair, Steps } from './reference-steps.js';

/** moeDispatch is not among them: core makes it of the stages. */
export function referenceOperations(steps: Steps): Operations<ReferenceTensor> {
  return {
    routeTokens: (call) => route(steps, call),
    planDispatch: (call) => plan(steps, call),
    permuteRows: (call) => permute(steps, call),
    moeReduce: (call) => reduce(steps, call),
  };
}

function route(steps: Steps, call: Call<'routeTokens', ReferenceTensor>): void {
  const { router, tokens, numExperts, topK, gatingOutput, topKIndices, expertScalesFloat } = call;
  const values = gatingOutput.view('float32');
  for (let token = 0; token < tokens; token++) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const row = Array.from({ length: numExperts }, (_, e) =>
      steps.clean(values[token * numExperts + e], bits[token * numExperts + e]),
    );
    const chosen = router === 'group' ? steps.chooseGroups(row, topK, steps) : steps.choose(row, topK);
    const size = router === 'group' ? numExperts / topK : numExperts;
    const softmaxes: number[][] = [];
    for (let e = 0; e < numExperts; e += size) softmaxes.push(steps.softmax(row.slice(e, e + size)));
    chosen.forEach((expert, k) => {
      const scale =
        router === 'topk-only'
          ? steps.gatingScale(row[expert])
          : softmaxes[Math.floor(expert / size)]?.[expert % size];
      topKIndices.view('int32')[token * topK + k] = expert;
      expertScalesFloat.view('float32')[token * topK + k] = scale;
    });
  }
}

function plan(steps: Steps, call: Call<'planDispatch', ReferenceTensor>): void {
  const { tokens, topK, numExperts, topKIndices } = call;
  const counts = new Array<number>(numExperts).fill(0);
  const pairs: Pair[] = [];
  topKIndices.view('int32').forEach((expert, i) => {
    if (expert < 0 || expert >= numExperts) {
      if (steps.unchecked) return;
      throw outOfRange('topKIndices', expert);
    }
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
    if (row < 0 || row >= topK * tokens) throw outOfRange('plan.permuteIndicesPerToken', row);
    const token = i % tokens;
    const source = x.bytes.subarray(token * rowBytes, (token + 1) * rowBytes);
    steps.copyRow(source, permuteInput.bytes, row * rowBytes, token, x.dtype);
  });
}

function reduce(steps: Steps, call: Call<'moeReduce', ReferenceTensor>): void {
  const { tokens, topK, hidden, numExperts, ffnOut, ffn2Bias, output } = call;
  const scales = call.expertScalesFloat.view('float32');
  const rows = call.permuteIndicesPerToken.view('int32');
  const experts = call.topKIndices.view('int32');
  const ffn = ffnOut.floats();
  const bias = ffn2Bias?.floats();
  const { weigh, addTerm, finish } = steps;
  const result = new Float32Array(tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    const given = Array.from(scales.subarray(token * topK, (token + 1) * topK));
    const weights = weigh(given, call.normTopkProb, call.routedScalingFactor);
    for (let d = 0; d < hidden; d++) {
      let sum = 0;
      for (let k = 0; k < topK; k++) {
        const row = rows[k * tokens + token];
        const expert = experts[token * topK + k];
        if (row < 0 || row >= tokens * topK) throw outOfRange('permuteIndicesPerToken', row);
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
