import { type HostTensor, writeSafetensors } from '@moe-dispatch/safetensors';
import type { Routing } from '../protocol.js';
import type { DispatchRun } from './run-dispatch.js';

/**
 * Input and results as a safetensors file, under Paddle's names, so that the page takes it again.
 * `token_nums_per_expert` are counts here; `expert_offsets` holds the prefix sums.
 */
export function resultsFile({ input, outputs }: DispatchRun): Uint8Array<ArrayBuffer> {
  const tensors = new Map<string, HostTensor>([
    ['x', input.x],
    ['gating_output', input.gating],
    ['permute_input', outputs.permuteInput],
    ['token_nums_per_expert', outputs.tokenNumsPerExpert],
    ['expert_offsets', outputs.expertOffsets],
    ['permute_indices_per_token', outputs.permuteIndicesPerToken],
    ['expert_scales_float', outputs.expertScalesFloat],
    ['top_k_indices', outputs.topKIndices],
  ]);
  if (input.bias) tensors.set('e_score_correction_bias', input.bias);
  return writeSafetensors(tensors, metadataOf(input.routing)) as Uint8Array<ArrayBuffer>;
}

/** How it was routed: Paddle's arguments, or the model and its router. */
function metadataOf({ mode, options }: Routing): Map<string, string> {
  const { router, moeTopk, groupMoe, topkOnlyMode } = options;
  const fields = router
    ? { moe_topk: router.topK, model: mode, router: JSON.stringify(router) }
    : { moe_topk: moeTopk, group_moe: groupMoe, topk_only_mode: topkOnlyMode };
  return new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}
