import type { RouteCall } from '@moe-dispatch/core';
import { expNonPositive } from './exp.js';
import { numberFromRow, rowsToRoute } from './routing-rows.js';
import type { CpuTensor } from './tensor.js';
import { selectTop } from './top-k.js';
import type { Workspace } from './workspace.js';

const FLOAT32_MAX = 3.4028234663852886e38;

/** Chooses each token's experts and scales (docs/semantics.md, "Choosing experts" and "Scales"). */
export function routeTokens(call: RouteCall<CpuTensor>, workspace: Workspace): void {
  const gating = call.gating.array as Float32Array;
  const experts = call.topKIndices.array as Int32Array;
  const scales = call.expertScalesFloat.array as Float32Array;
  const { rows, columns, picks } = rowsToRoute(call);
  const { values, topExperts, topValues } = workspace;
  for (let row = 0; row < rows; row++) {
    clean(gating, row * columns, columns, values);
    selectTop(columns, picks, workspace);
    if (call.routing !== 'topk-only') softmax(topValues, picks, sumExp(values, columns, topValues[0]));
    for (let k = 0; k < picks; k++) {
      experts[row * picks + k] = topExperts[k];
      scales[row * picks + k] = topValues[k];
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
  for (let i = 0; i < count; i++) sum += expNonPositive(values[i] - max);
  return sum;
}

/** @param values the chosen ones, the largest first. */
function softmax(values: Float64Array, count: number, sum: number): void {
  const max = values[0];
  for (let i = 0; i < count; i++) values[i] = expNonPositive(values[i] - max) / sum;
}
