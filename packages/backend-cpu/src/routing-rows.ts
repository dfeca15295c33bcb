import type { RouteCall } from '@moe-dispatch/core';
import type { CpuTensor } from './tensor.js';

/**
 * Rows of gating values, in which experts are chosen, for each token: one, or in group mode each of its groups, of which
 * one expert is picked. A number, because an object that tells all of it would be garbage.
 */
export function rowsPerToken({ routing, topK }: RouteCall): number {
  return routing === 'group' ? topK : 1;
}

/** Group mode: turns places within a group into experts. */
export function numberFromRow(call: RouteCall<CpuTensor>, groupSize: number): void {
  const experts = call.topKIndices.array as Int32Array;
  const { tokens, topK } = call;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) experts[token * topK + k] += k * groupSize;
  }
}
