import type { DispatchCall, PlanCall } from '@moe-dispatch/core';
import { countExperts } from '../kernels/count-experts.wgsl.js';
import { placePairs } from '../kernels/place-pairs.wgsl.js';
import { scanBlocks } from '../kernels/scan-blocks.wgsl.js';
import { type Segment, segments, type View, wholeView } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import { type CopyLayout, copyLayout, permute } from './permute.js';

/** Up to this many pairs, each is placed by looking at all of them: no counting pass, no scan. */
const FEW_PAIRS = 2048;
/** Tokens in a block, and pairs, at most, unless the workspace would grow too large. */
const BLOCK_TOKENS = 16;
const BLOCK_PAIRS = 2048;
/** Entries of the workspace. */
const MAX_COUNTS = 2 ** 24;

/** Where every pair goes. */
export function plan(steps: Steps, call: PlanCall<WebGpuTensor>): void {
  if (clearEmpty(steps, call)) return;
  place(steps, call, undefined);
}

/** `plan`, then `permute`; in one pass where the rows allow it. */
export function planAndPermute(steps: Steps, call: DispatchCall<WebGpuTensor>): void {
  if (clearEmpty(steps, call)) return;
  const layout = copyLayout(steps.device, call);
  const oneCut = call.tokens * call.topK * 4 <= wordsPerCut(steps.device) * 4;
  if (layout?.whole && oneCut) {
    place(steps, call, { call, layout });
    return;
  }
  place(steps, call, undefined);
  permute(steps, call);
}

function clearEmpty(steps: Steps, call: PlanCall<WebGpuTensor>): boolean {
  if (call.tokens > 0) return false;
  steps.clear(call.tokenNumsPerExpert);
  steps.clear(call.expertOffsets);
  return true;
}

interface Copy {
  readonly call: DispatchCall<WebGpuTensor>;
  readonly layout: CopyLayout;
}

interface Counts {
  readonly view: View;
  readonly blocks: number;
  readonly blockTokens: number;
}

function place(steps: Steps, call: PlanCall<WebGpuTensor>, copy: Copy | undefined): void {
  const { device } = steps;
  const { tokens, topK } = call;
  const pairs = tokens * topK;
  const counts = pairs <= Math.min(FEW_PAIRS, wordsPerCut(device)) ? undefined : countBlocks(steps, call);
  const groupTokens =
    copy?.layout.groupTokens ?? Math.max(1, Math.min(8, Math.floor(device.workgroupSize / topK)));
  const kernel = placePairs({
    workgroupSize: device.workgroupSize,
    lanes: device.workgroupSize / nextPowerOfTwo(Math.min(groupTokens * topK, device.workgroupSize)),
    slice: sliceExperts(device),
    counted: counts !== undefined,
    copy: copy?.layout.unit ?? false,
  });
  let lead = 1;
  for (const { first, end } of tokenCuts(device, call, counts?.blockTokens ?? tokens)) {
    for (const indices of segments(call.permuteIndicesPerToken, device.limits)) {
      steps.dispatch(
        kernel,
        {
          topk: topkCut(call, first, end),
          indices,
          offsets: wholeView(call.expertOffsets),
          counts: wholeView(call.tokenNumsPerExpert),
          ...(counts && { workspace: wholeView(counts.view) }),
          ...(copy && { x: wholeView(copy.call.x), permuted: wholeView(copy.call.permuteInput) }),
        },
        {
          ...{ topk_width: topK, experts: call.numExperts, blocks: counts?.blocks ?? 0, lead },
          ...{ block_tokens: counts?.blockTokens ?? 0, token_start: first, token_end: end },
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

/** Counts the pairs of each expert by block of tokens, and scans the counts over the blocks. */
function countBlocks(steps: Steps, call: PlanCall<WebGpuTensor>): Counts {
  const { device } = steps;
  const { tokens, topK, numExperts } = call;
  const blockTokens = tokensPerBlock(device, call);
  const blocks = Math.ceil(tokens / blockTokens);
  const view = steps.workspace((blocks + 1) * numExperts * 4);
  const kernel = countExperts(device.workgroupSize, sliceExperts(device));
  for (const { first, end } of tokenCuts(device, call, blockTokens)) {
    const first_block = first / blockTokens;
    const end_block = Math.ceil(end / blockTokens);
    steps.dispatch(
      kernel,
      { topk: topkCut(call, first, end), workspace: wholeView(view) },
      {
        pairs: tokens * topK,
        experts: numExperts,
        block_pairs: blockTokens * topK,
        blocks,
        first_block,
        end_block,
      },
      end_block - first_block,
    );
  }
  steps.dispatch(
    scanBlocks(device.workgroupSize),
    { workspace: wholeView(view) },
    { experts: numExperts, blocks },
    numExperts,
  );
  return { view, blocks, blockTokens };
}

function tokensPerBlock(device: Device, { tokens, topK, numExperts }: PlanCall): number {
  const maxBlocks = Math.floor(Math.min(MAX_COUNTS, wordsPerCut(device)) / numExperts) - 1;
  const preferred = Math.min(BLOCK_TOKENS, Math.max(1, Math.floor(BLOCK_PAIRS / topK)));
  return Math.max(preferred, Math.ceil(tokens / Math.max(maxBlocks, 1)));
}

/** Ranges of tokens, whole blocks, whose choices fit one binding. */
function tokenCuts(
  device: Device,
  { tokens, topK }: PlanCall,
  blockTokens: number,
): { first: number; end: number }[] {
  const step = Math.max(1, Math.floor(wordsPerCut(device) / (topK * blockTokens))) * blockTokens;
  const cuts: { first: number; end: number }[] = [];
  for (let first = 0; first < tokens; first += step)
    cuts.push({ first, end: Math.min(first + step, tokens) });
  return cuts;
}

function topkCut({ topKIndices, topK }: PlanCall<WebGpuTensor>, first: number, end: number): Segment {
  return { view: topKIndices, first: first * topK, count: (end - first) * topK };
}

/** Words that fit one binding wherever they start. */
function wordsPerCut({ limits }: Device): number {
  return Math.floor((limits.maxStorageBufferBindingSize - limits.minStorageBufferOffsetAlignment) / 4);
}

/** Experts counted at a time: a multiple of the workgroup's size that leaves half of its memory. */
function sliceExperts({ limits, workgroupSize }: Device): number {
  const words = Math.min(2048, Math.floor(limits.maxComputeWorkgroupStorageSize / 8));
  return Math.max(1, Math.floor(words / workgroupSize)) * workgroupSize;
}

function nextPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
