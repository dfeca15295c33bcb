import type { Kernel } from '../kernel.js';
import { EXPERT_OUTPUTS } from './expert-outputs.wgsl.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/**
 * Finds the first row of each expert and block. Reads the number of the block's pairs with experts up to each one,
 * `workspace[expert · blocks + block]`, and writes rows behind all of these, in the same order. Writes offsets and
 * counts as well. One workgroup per expert.
 */
export function scanBlocks(workgroupSize: number): Kernel {
  return {
    id: `scan-blocks.wgsl.ts ${workgroupSize}`,
    storage: { workspace: 'words out', offsets: 'words out', counts: 'words out' },
    params: ['experts', 'blocks'],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
// Blocks of a thread.
const EACH = 4u;
${WORKGROUP_INDEX}
${WORKGROUP_SCAN}
${EXPERT_OUTPUTS}
var<workgroup> lower_experts: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let expert = group_index(group, groups);
  if (expert >= p.experts) { return; }
  var lower = 0u;
  for (var block = thread; block < p.blocks; block += WORKGROUP) { lower += pairs_below(expert, block); }
  atomicAdd(&lower_experts, lower);
  let rows = p.workspace_at + (p.experts + expert) * p.blocks;
  var total = 0u;
  for (var first = 0u; first < p.blocks; first += WORKGROUP * EACH) {
    let block = first + thread * EACH;
    var each: array<u32, EACH>;
    var sum = 0u;
    for (var i = 0u; i < EACH; i++) {
      each[i] = 0u;
      if (block + i < p.blocks) { each[i] = pairs_below(expert + 1u, block + i) - pairs_below(expert, block + i); }
      sum += each[i];
    }
    let sums = workgroup_scan(sum, thread);
    var row = atomicLoad(&lower_experts) + total + sums.x;
    for (var i = 0u; i < EACH; i++) {
      if (block + i < p.blocks) { workspace[rows + block + i] = row; }
      row += each[i];
    }
    total += sums.y;
  }
  if (thread > 0u) { return; }
  let before = atomicLoad(&lower_experts);
  write_expert(expert, before, total);
  if (expert == p.experts - 1u) { offsets[p.offsets_at + p.experts] = before + total; }
}

// Pairs of the block whose experts are below this one.
fn pairs_below(expert: u32, block: u32) -> u32 {
  if (expert == 0u) { return 0u; }
  return workspace[p.workspace_at + (expert - 1u) * p.blocks + block];
}
`,
  };
}
