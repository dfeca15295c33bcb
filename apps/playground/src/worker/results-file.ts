import { type HostTensor, writeSafetensors } from '@moe-dispatch/safetensors';
import type { DispatchRun } from './run-dispatch.js';

/**
 * Input and results as a safetensors file, under Paddle's names, so that the page takes it again.
 * `token_nums_per_expert` are counts here; `expert_offsets` holds the prefix sums.
 */
export function resultsFile({ input, outputs }: DispatchRun): Uint8Array<ArrayBuffer> {
  const { moeTopk, groupMoe, topkOnlyMode } = input.routing;
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
  const metadata = new Map([
    ['moe_topk', String(moeTopk)],
    ['group_moe', String(groupMoe)],
    ['topk_only_mode', String(topkOnlyMode)],
  ]);
  return writeSafetensors(tensors, metadata) as Uint8Array<ArrayBuffer>;
}
