import { createHash } from 'node:crypto';
import type { DispatchResult, DType, Tensor, WithDType } from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { DemoInput } from './input.js';

/** moeDispatch's results in plain memory. */
export interface HostResults {
  readonly permuteInput: HostTensor;
  readonly tokenNumsPerExpert: HostTensor<'int64'>;
  readonly expertOffsets: HostTensor<'int32'>;
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
  readonly expertScalesFloat: HostTensor<'float32'>;
  readonly topKIndices: HostTensor<'int32'>;
}

export async function readResults(out: DispatchResult<Tensor>): Promise<HostResults> {
  return {
    permuteInput: await read(out.permuteInput),
    tokenNumsPerExpert: await read(out.tokenNumsPerExpert),
    expertOffsets: await read(out.expertOffsets),
    permuteIndicesPerToken: await read(out.permuteIndicesPerToken),
    expertScalesFloat: await read(out.expertScalesFloat),
    topKIndices: await read(out.topKIndices),
  };
}

async function read<D extends DType>(tensor: WithDType<Tensor, D>): Promise<HostTensor<D>> {
  return { data: await tensor.read(), shape: tensor.shape, dtype: tensor.dtype };
}

export function sha256(data: HostTensor['data']): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * The results as tensors of a file, under Paddle's names. `token_nums_per_expert` are counts here;
 * `expert_offsets` holds the prefix sums.
 */
export function resultsFile(
  results: HostResults,
  { moeTopk, groupMoe, topkOnlyMode }: DemoInput['routing'],
): { tensors: Map<string, HostTensor>; metadata: Map<string, string> } {
  const tensors = new Map<string, HostTensor>([
    ['permute_input', results.permuteInput],
    ['token_nums_per_expert', results.tokenNumsPerExpert],
    ['expert_offsets', results.expertOffsets],
    ['permute_indices_per_token', results.permuteIndicesPerToken],
    ['expert_scales_float', results.expertScalesFloat],
    ['top_k_indices', results.topKIndices],
  ]);
  const metadata = new Map([
    ['moe_topk', String(moeTopk)],
    ['group_moe', String(groupMoe)],
    ['topk_only_mode', String(topkOnlyMode)],
    ['permute_input_sha256', sha256(results.permuteInput.data)],
  ]);
  return { tensors, metadata };
}
