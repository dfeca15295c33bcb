import type { Kernel } from '../kernel.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';

/**
 * Counts, for each block of tokens, how many pairs each expert gets: `workspace[expert · blocks + block]`. One
 * workgroup per block; atomics only on integer sums, whose order cannot show.
 * @param slice experts counted at a time, in workgroup memory.
 */
export function countExperts(workgroupSize: number, slice: number): Kernel {
  return {
    id: `count-experts.wgsl.ts ${workgroupSize} ${slice}`,
    storage: { topk: 'words', workspace: 'words out' },
    params: ['pairs', 'experts', 'block_pairs', 'blocks', 'first_block', 'end_block'],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
const SLICE = ${slice}u;
${WORKGROUP_INDEX}
var<workgroup> counts: array<atomic<u32>, SLICE>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let block = p.first_block + group_index(group, groups);
  if (block >= p.end_block) { return; }
  let start = block * p.block_pairs;
  let end = min(start + p.block_pairs, p.pairs);
  for (var first = 0u; first < p.experts; first += SLICE) {
    let experts = min(SLICE, p.experts - first);
    for (var i = thread; i < experts; i += WORKGROUP) { atomicStore(&counts[i], 0u); }
    workgroupBarrier();
    for (var i = start + thread; i < end; i += WORKGROUP) {
      let expert = topk[p.topk_at + i] - first;
      if (expert < experts) { atomicAdd(&counts[expert], 1u); }
    }
    workgroupBarrier();
    for (var i = thread; i < experts; i += WORKGROUP) {
      workspace[p.workspace_at + (first + i) * p.blocks + block] = atomicLoad(&counts[i]);
    }
    workgroupBarrier();
  }
}
`,
  };
}
