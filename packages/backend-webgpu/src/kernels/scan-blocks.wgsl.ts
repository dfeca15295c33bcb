import type { Kernel } from '../kernel.js';
import { WRITE_EXPERT } from './expert-offsets.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/**
 * Finds the first row of each expert and block. Reads the number of the block's pairs with experts up to each one,
 * `workspace[expert · blocks + block]`, and writes rows behind all of these, in the same order. Writes offsets and
 * counts as well. One workgroup per expert.
 */
export const scanBlocks: Kernel = {
  id: 'scan-blocks.wgsl.ts',
  storage: { workspace: 'words out', offsets: 'words out', counts: 'words out' },
  params: ['experts', 'blocks'],
  body: () => /* wgsl */ `
${WORKGROUP_SCAN}
${WRITE_EXPERT}
var<workgroup> lower_experts: atomic<u32>;

fn run(group: u32, thread: u32) {
  let expert = group;
  if (expert >= p.experts) { return; }
  // Neighbouring blocks for each thread.
  let each = (p.blocks + WORKGROUP - 1u) / WORKGROUP;
  let first = thread * each;
  let end = min(first + each, p.blocks);
  var lower = 0u;
  var count = 0u;
  for (var block = first; block < end; block++) {
    lower += pairs_below(expert, block);
    count += pairs_of(expert, block);
  }
  atomicAdd(&lower_experts, lower);
  let sums = workgroup_scan(count, thread);
  let before = atomicLoad(&lower_experts);
  var row = before + sums.x;
  for (var block = first; block < end; block++) {
    workspace[p.workspace_at + (p.experts + expert) * p.blocks + block] = row;
    row += pairs_of(expert, block);
  }
  if (thread > 0u) { return; }
  write_expert(expert, before, sums.y);
  if (expert == p.experts - 1u) { offsets[p.offsets_at + p.experts] = before + sums.y; }
}

fn pairs_of(expert: u32, block: u32) -> u32 {
  return pairs_below(expert + 1u, block) - pairs_below(expert, block);
}

// Pairs of the block whose experts are below this one.
fn pairs_below(expert: u32, block: u32) -> u32 {
  if (expert == 0u) { return 0u; }
  return workspace[p.workspace_at + (expert - 1u) * p.blocks + block];
}
`,
};
