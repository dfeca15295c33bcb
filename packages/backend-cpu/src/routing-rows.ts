import type { RouteCall } from '@moe-dispatch/core';
import type { CpuTensor } from './tensor.js';

/** The rows of gating values in which experts are chosen: a token's, or in group mode each of its groups. */
export interface RoutingRows {
  rows: number;
  columns: number;
  /** Experts to choose from each row. */
  picks: number;
}

export function rowsToRoute(call: RouteCall): RoutingRows {
  const { routing, tokens, numExperts, topK } = call;
  if (routing !== 'group') return { rows: tokens, columns: numExperts, picks: topK };
  return { rows: tokens * topK, columns: numExperts / topK, picks: 1 };
}

/** Group mode: turns places within a group into experts. */
export function numberFromRow(call: RouteCall<CpuTensor>, groupSize: number): void {
  const experts = call.topKIndices.array as Int32Array;
  const { tokens, topK } = call;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) experts[token * topK + k] += k * groupSize;
  }
}
