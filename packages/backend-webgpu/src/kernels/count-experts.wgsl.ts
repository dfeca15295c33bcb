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
const NONE = 0xffffffffu;
${WORKGROUP_INDEX}
${SCAN_EXPERTS}
var<workgroup> tile: array<u32, WORKGROUP>;
var<private> block: u32;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let index = p.first_block + group_index(group, groups);
  if (index >= p.end_block) { return; }
  block = index;
  let start = index * p.block_pairs;
  let end = min(start + p.block_pairs, p.pairs);
  scan_experts(thread);
  for (var first = start; first < end; first += WORKGROUP) { rank_pair(start, first, end, thread); }
}

fn expert_of(pair: u32, end: u32) -> u32 {
  if (pair >= end) { return NONE; }
  return topk[p.topk_at + pair];
}

fn count_slice(first: u32, thread: u32) {
  let start = block * p.block_pairs;
  let end = min(start + p.block_pairs, p.pairs);
  for (var pair = start + thread; pair < end; pair += WORKGROUP) {
    let expert = expert_of(pair, end) - first;
    if (expert < min(SLICE, p.experts - first)) { atomicAdd(&slice[expert], 1u); }
  }
}

fn write_expert(expert: u32, before: u32, count: u32) {
  workspace[p.workspace_at + expert * p.blocks + block] = before + count;
}

// Compares the thread's pair with all that come earlier in the block, a tile at a time.
fn rank_pair(start: u32, first: u32, end: u32, thread: u32) {
  let pair = first + thread;
  let expert = expert_of(pair, end);
  var rank = 0u;
  for (var at = start; at <= first; at += WORKGROUP) {
    tile[thread] = expert_of(at + thread, end);
    workgroupBarrier();
    let earlier = min(WORKGROUP, pair - at);
    for (var i = 0u; i < earlier; i++) { rank += u32(tile[i] == expert); }
    workgroupBarrier();
  }
  if (pair < end) { ranks[p.ranks_at + pair] = rank; }
}
`,
  };
}
