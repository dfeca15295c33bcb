import type { RouteCall } from '@moe-dispatch/core';
import { numberFromRow, rowsPerToken } from './routing-rows.js';
import type { CpuTensor } from './tensor.js';
import { selectTop } from './top-k.js';
import type { Workspace } from './workspace.js';

const FLOAT32_MAX = 3.4028234663852886e38;

/** Chooses each token's experts and scales (docs/semantics.md, "Choosing experts" and "Scales"). */
export function routeTokens(call: RouteCall<CpuTensor>, workspace: Workspace): void {
  const gating = call.gating.array as Float32Array;
  const experts = call.topKIndices.array as Int32Array;
  const scales = call.expertScalesFloat.array as Float32Array;
  const groups = rowsPerToken(call);
  const rows = call.tokens * groups;
  const columns = call.numExperts / groups;
  const picks = call.topK / groups;
  const { values, topExperts } = workspace;
  const keys = workspace.keysOf(columns);
  for (let row = 0; row < rows; row++) {
    clean(gating, row * columns, columns, values);
    selectTop(keys, picks, workspace);
    const max = values[topExperts[0]];
    const sum = call.routing === 'topk-only' ? 0 : sumExp(values, columns, max);
    for (let k = 0; k < picks; k++) {
      const value = values[topExperts[k]];
      experts[row * picks + k] = topExperts[k];
      scales[row * picks + k] = call.routing === 'topk-only' ? value : Math.exp(value - max) / sum;
    }
  }
  if (call.routing === 'group') numberFromRow(call, columns);
}

/** NaN and −∞ count as −FLT_MAX, +∞ as FLT_MAX. */
function clean(gating: Float32Array, first: number, count: number, values: Float64Array): void {
  for (let i = 0; i < count; i++) {
    const value = gating[first + i];
    if (value >= -FLOAT32_MAX && value <= FLOAT32_MAX) values[i] = value;
    else values[i] = value > 0 ? FLOAT32_MAX : -FLOAT32_MAX;
  }
}

function sumExp(values: Float64Array, count: number, max: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(values[i] - max);
  return sum;
}
