import type { Call } from '@moe-dispatch/core/backend';
import { numberFromRow, ROUTES, rowsPerToken } from './routing-rows.js';
import type { CpuTensor } from './tensor.js';
import { selectTop } from './top-k.js';
import type { ExpertWorkspace } from './workspace.js';

const FLOAT32_MAX = 3.4028234663852886e38;

/** Chooses each token's experts and scales (docs/semantics.md, "Choosing experts" and "Scales"). */
export function routeTokens(call: Call<'routeTokens', CpuTensor>, workspace: ExpertWorkspace): void {
  const gatingOutput = call.gatingOutput.padded as Float32Array;
  const experts = call.topKIndices.padded as Int32Array;
  const scales = call.expertScalesFloat.padded as Float32Array;
  const groups = rowsPerToken(call);
  const rows = call.tokens * groups;
  const columns = call.numExperts / groups;
  const picks = call.topK / groups;
  const { values, topExperts } = workspace;
  const { softmax, grouped } = ROUTES[call.router];
  // With groups, a row is shorter.
  if (workspace.keys.length !== columns) workspace.keys = new Float64Array(workspace.keys.buffer, 0, columns);
  for (let row = 0; row < rows; row++) {
    clean(gatingOutput, row * columns, columns, values);
    selectTop(workspace, picks);
    const max = values[topExperts[0]];
    const sum = softmax ? sumExp(values, columns, max) : 0;
    for (let k = 0; k < picks; k++) {
      const value = values[topExperts[k]];
      experts[row * picks + k] = topExperts[k];
      scales[row * picks + k] = softmax ? Math.exp(value - max) / sum : value;
    }
  }
  if (grouped) numberFromRow(call, columns);
}

/** NaN and −∞ count as −FLT_MAX, +∞ as FLT_MAX. */
function clean(gatingOutput: Float32Array, first: number, count: number, values: Float64Array): void {
  for (let i = 0; i < count; i++) {
    const value = gatingOutput[first + i];
    if (value >= -FLOAT32_MAX && value <= FLOAT32_MAX) values[i] = value;
    else values[i] = value > 0 ? FLOAT32_MAX : -FLOAT32_MAX;
  }
}

function sumExp(values: Float64Array, count: number, max: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(values[i] - max);
  return sum;
}
