import type { PlanCall } from '@moe-dispatch/core';
import { countExperts } from '../kernels/count-experts.wgsl.js';
import { scanBlocks } from '../kernels/scan-blocks.wgsl.js';
import { type Segment, type View, wholeView } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';

/** Up to this many pairs, each is placed by looking at all of them: no blocks, no scan. */
const FEW_PAIRS = 2048;
/** Tokens in a block, and pairs, at most, unless the workspace would grow too large. */
const BLOCK_TOKENS = 16;
const BLOCK_PAIRS = 512;
/** Entries of the workspace. */
const MAX_ENTRIES = 2 ** 24;

/** What is counted of many pairs: by block of tokens, first by count-experts or the routing, then by scan-blocks. */
export interface Blocks {
  readonly blocks: number;
  readonly blockTokens: number;
  /** Two entries for each expert and block. */
  readonly workspace: View;
  /** [T, K] */
  readonly ranks: View;
}

type Sizes = Pick<PlanCall, 'tokens' | 'topK' | 'numExperts'>;

/** Whether so few pairs that they need no blocks. */
export function fewPairs(device: Device, { tokens, topK }: Sizes): boolean {
  return tokens * topK <= Math.min(FEW_PAIRS, wordsPerCut(device));
}

/** Memory for blocks of that many tokens, or undefined where it would grow too large. */
export function makeBlocks(steps: Steps, call: Sizes, blockTokens: number): Blocks | undefined {
  const { tokens, topK, numExperts } = call;
  const blocks = Math.ceil(tokens / blockTokens);
  if (blocks > maxBlocks(steps.device, numExperts)) return undefined;
  const workspace = steps.workspace(2 * blocks * numExperts * 4);
  return { blocks, blockTokens, workspace, ranks: steps.workspace(tokens * topK * 4) };
}

/** Counts the pairs of each expert by block. */
export function countBlocks(steps: Steps, call: PlanCall<WebGpuTensor>): Blocks {
  const { device } = steps;
  const { tokens, topK, numExperts } = call;
  const counted = makeBlocks(steps, call, tokensPerBlock(device, call))!;
  const { blocks, blockTokens, workspace, ranks } = counted;
  const kernel = countExperts(device.workgroupSize, sliceExperts(device));
  for (const { first, end } of tokenCuts(device, call, blockTokens)) {
    const first_block = first / blockTokens;
    const end_block = Math.ceil(end / blockTokens);
    steps.dispatch(
      kernel,
      {
        topk: pairsCut(call.topKIndices, call, first, end),
        ranks: pairsCut(ranks, call, first, end),
        workspace: wholeView(workspace),
      },
      {
        ...{ pairs: tokens * topK, experts: numExperts, block_pairs: blockTokens * topK, blocks },
        ...{ first_block, end_block },
      },
      end_block - first_block,
    );
  }
  return counted;
}

/** Turns the counts into each block's first rows, and writes offsets and counts. */
export function scan(steps: Steps, call: PlanCall<WebGpuTensor>, { workspace, blocks }: Blocks): void {
  const { numExperts, expertOffsets, tokenNumsPerExpert } = call;
  steps.dispatch(
    scanBlocks(steps.device.workgroupSize),
    {
      workspace: wholeView(workspace),
      offsets: wholeView(expertOffsets),
      counts: wholeView(tokenNumsPerExpert),
    },
    { experts: numExperts, blocks },
    numExperts,
  );
}

/** Ranges of tokens, whole blocks, whose choices fit one binding. */
export function tokenCuts(
  device: Device,
  { tokens, topK }: Sizes,
  blockTokens: number,
): { first: number; end: number }[] {
  const step = Math.max(1, Math.floor(wordsPerCut(device) / (topK * blockTokens))) * blockTokens;
  const cuts: { first: number; end: number }[] = [];
  for (let first = 0; first < tokens; first += step)
    cuts.push({ first, end: Math.min(first + step, tokens) });
  return cuts;
}

/** Tokens `first` to `end - 1` of a view [T, K]. */
export function pairsCut(view: View, { topK }: Sizes, first: number, end: number): Segment {
  return { view, first: first * topK, count: (end - first) * topK };
}

/** Words that fit one binding wherever they start. */
export function wordsPerCut({ limits }: Device): number {
  return Math.floor((limits.maxStorageBufferBindingSize - limits.minStorageBufferOffsetAlignment) / 4);
}

/** Experts counted at a time: a multiple of the workgroup's size that leaves half of its memory. */
export function sliceExperts({ limits, workgroupSize }: Device): number {
  const words = Math.min(2048, Math.floor(limits.maxComputeWorkgroupStorageSize / 8));
  return Math.max(1, Math.floor(words / workgroupSize)) * workgroupSize;
}

function tokensPerBlock(device: Device, { tokens, topK, numExperts }: Sizes): number {
  const preferred = Math.min(BLOCK_TOKENS, Math.max(1, Math.floor(BLOCK_PAIRS / topK)));
  return Math.max(preferred, Math.ceil(tokens / maxBlocks(device, numExperts)));
}

function maxBlocks(device: Device, numExperts: number): number {
  return Math.max(1, Math.floor(Math.min(MAX_ENTRIES, wordsPerCut(device)) / (2 * numExperts)));
}
