import type { DispatchCall, PlanCall } from '@moe-dispatch/core';
import { placePairs } from '../kernels/place-pairs.wgsl.js';
import { segments, wholeView } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import {
  type Blocks,
  countBlocks,
  fewPairs,
  pairsCut,
  scan,
  sliceExperts,
  tokenCuts,
  wordsPerCut,
} from './blocks.js';
import { type CopyLayout, copyLayout, permute } from './permute.js';

/** Where every pair goes. */
export function plan(steps: Steps, call: PlanCall<WebGpuTensor>): void {
  if (clearEmpty(steps, call)) return;
  place(steps, call, findBlocks(steps, call, undefined), undefined);
}

/**
 * `plan`, then `permute`; in one pass where the rows allow it.
 * @param counted what the routing has counted of the pairs.
 */
export function planAndPermute(
  steps: Steps,
  call: DispatchCall<WebGpuTensor>,
  counted: Blocks | undefined,
): void {
  if (clearEmpty(steps, call)) return;
  const blocks = findBlocks(steps, call, counted);
  const layout = copyLayout(steps.device, call);
  const oneCut = call.tokens * call.topK <= wordsPerCut(steps.device);
  if (layout?.whole && oneCut) {
    place(steps, call, blocks, { call, layout });
    return;
  }
  place(steps, call, blocks, undefined);
  permute(steps, call);
}

function clearEmpty(steps: Steps, call: PlanCall<WebGpuTensor>): boolean {
  if (call.tokens > 0) return false;
  steps.clear(call.tokenNumsPerExpert);
  steps.clear(call.expertOffsets);
  return true;
}

function findBlocks(
  steps: Steps,
  call: PlanCall<WebGpuTensor>,
  counted: Blocks | undefined,
): Blocks | undefined {
  if (fewPairs(steps.device, call)) return undefined;
  const blocks = counted ?? countBlocks(steps, call);
  scan(steps, call, blocks);
  return blocks;
}

interface Copy {
  readonly call: DispatchCall<WebGpuTensor>;
  readonly layout: CopyLayout;
}

function place(
  steps: Steps,
  call: PlanCall<WebGpuTensor>,
  blocks: Blocks | undefined,
  copy: Copy | undefined,
): void {
  const { device } = steps;
  const { tokens, topK } = call;
  const groupTokens = copy?.layout.groupTokens ?? tokensPerWorkgroup(device, topK, blocks !== undefined);
  const few = blocks
    ? undefined
    : { lanes: lanesPerPair(device, groupTokens * topK), slice: sliceExperts(device) };
  const kernel = placePairs({ workgroupSize: device.workgroupSize, few, copy: copy?.layout.unit ?? false });
  let lead = few ? 1 : 0;
  for (const { first, end } of tokenCuts(device, call, blocks?.blockTokens ?? tokens)) {
    for (const indices of segments(call.permuteIndicesPerToken, device.limits)) {
      steps.dispatch(
        kernel,
        {
          ...{ topk: pairsCut(call.topKIndices, call, first, end), indices },
          ...(blocks
            ? { ranks: pairsCut(blocks.ranks, call, first, end), workspace: wholeView(blocks.workspace) }
            : { offsets: wholeView(call.expertOffsets), counts: wholeView(call.tokenNumsPerExpert) }),
          ...(copy && { x: wholeView(copy.call.x), permuted: wholeView(copy.call.permuteInput) }),
        },
        {
          ...{ topk_width: topK, experts: call.numExperts, lead, token_start: first, token_end: end },
          ...(blocks && { blocks: blocks.blocks, block_tokens: blocks.blockTokens }),
          ...{ indices_first: indices.first, indices_count: indices.count },
          ...{ tokens, group_tokens: groupTokens },
          ...copy?.layout.params,
        },
        lead + Math.ceil((end - first) / groupTokens),
      );
      lead = 0;
    }
  }
}

function tokensPerWorkgroup({ workgroupSize }: Device, topK: number, counted: boolean): number {
  const most = Math.max(1, Math.floor(workgroupSize / topK));
  return counted ? most : Math.min(8, most);
}

function lanesPerPair({ workgroupSize }: Device, pairs: number): number {
  return workgroupSize / nextPowerOfTwo(Math.min(pairs, workgroupSize));
}

function nextPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
