import type { Call } from '@moe-dispatch/core/backend';
import type { CpuTensor } from './tensor.js';
import { weighRows } from './weigh-rows.js';

type PermuteCall = Call<'permuteRows', CpuTensor>;

/**
 * Copies each token's row to its K places, or fewer, while it is in the cache. With `set`, not a loop, in which a float's
 * signalling NaN may become quiet.
 */
export function moveRows(call: PermuteCall): void {
  const { x, tokens, topK, hidden } = call;
  if (hidden === 0) return;
  if (call.applyRouterWeightOnInput) {
    weighRows(call);
    return;
  }
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  const target = call.permuteInput.padded as Int32Array;
  const views = rowViews(x, tokens, hidden);
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) {
      const row = rows[k * tokens + token];
      if (row >= 0) target.set(views[token], row * hidden);
    }
  }
}

function rowViews(x: CpuTensor, tokens: number, hidden: number): Int32Array[] {
  const views = x.block.rows(x.dtype, hidden) as Int32Array[];
  for (let token = views.length; token < tokens; token++) {
    views.push((x.padded as Int32Array).subarray(token * hidden, (token + 1) * hidden));
  }
  return views;
}
