import type { Kernel } from '../kernel.js';
import { SCAN_EXPERTS } from './scan-experts.wgsl.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';

/**
 * For each block of tokens, what scan-blocks and place-pairs work on: how many of its pairs go to experts up to each
 * one, `workspace[expert · blocks + block]`, and each pair's place among its expert's pairs in the block, `ranks[pair]`.
 * One workgroup per block; atomics only on integer sums, whose order cannot show.
 * @param slice experts counted at a time, in workgroup memory: a multiple of workgroupSize.
 */
export function countExperts(workgroupSize: number, slice: number): Kernel {
  return {
    id: `count-experts.wgsl.ts ${workgroupSize} ${slice}`,
    storage: { topk: 'words', ranks: 'words out', workspace: 'words out' },
    params: ['pairs', 'experts', 'block_pairs', 'blocks', 'first_block', 'end_block'],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
const SLICE = ${slice}u;
${WORKGROUP_INDEX}
${SCAN_EXPERTS}
var<private> block: u32;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let index = p.first_block + group_index(group, groups);
  if (index >= p.end_block) { return; }
  block = index;
  scan_experts(thread);
  for (var pair = block_start() + thread; pair < block_end(); pair += WORKGROUP) { rank_pair(pair); }
}

fn block_start() -> u32 { return block * p.block_pairs; }

fn block_end() -> u32 { return min(block_start() + p.block_pairs, p.pairs); }

fn count_slice(first: u32, thread: u32) {
  for (var pair = block_start() + thread; pair < block_end(); pair += WORKGROUP) {
    let expert = topk[p.topk_at + pair] - first;
    if (expert < min(SLICE, p.experts - first)) { atomicAdd(&slice[expert], 1u); }
  }
}

fn write_expert(expert: u32, before: u32, count: u32) {
  workspace[p.workspace_at + expert * p.blocks + block] = before + count;
}

fn rank_pair(pair: u32) {
  let expert = topk[p.topk_at + pair];
  var rank = 0u;
  for (var i = block_start(); i < pair; i++) { rank += u32(topk[p.topk_at + i] == expert); }
  ranks[p.ranks_at + pair] = rank;
}
`,
  };
}
