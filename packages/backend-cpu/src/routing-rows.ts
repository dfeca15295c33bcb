import type { Call, Router } from '@moe-dispatch/core/backend';
import type { CpuTensor } from './tensor.js';

type RouteCall = Call<'routeTokens', CpuTensor>;

/** What each router asks for: whether scales are shares of a softmax, and whether each choice has its own group. */
export const ROUTES: { readonly [R in Router]: { readonly softmax: boolean; readonly grouped: boolean } } = {
  softmax: { softmax: true, grouped: false },
  group: { softmax: true, grouped: true },
  'topk-only': { softmax: false, grouped: false },
};

/**
 * Rows of gating values, in which experts are chosen, for each token: one, or with groups one for each of them, in which
 * one expert is picked. A number, because an object that tells all of it would be garbage.
 */
export function rowsPerToken({ router, topK }: RouteCall): number {
  return ROUTES[router].grouped ? topK : 1;
}

/** With groups: turns positions within a group into experts. */
export function numberFromRow(call: RouteCall, groupSize: number): void {
  const experts = call.topKIndices.padded as Int32Array;
  const { tokens, topK } = call;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) experts[token * topK + k] += k * groupSize;
  }
}
