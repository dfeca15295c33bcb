import type { Kernel } from '../kernel.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/**
 * Turns each expert's counts by block into the number of its pairs in earlier blocks, in place, and puts the
 * expert's total behind them: `workspace[experts · blocks + expert]`. One workgroup per expert.
 */
export function scanBlocks(workgroupSize: number): Kernel {
  return {
    id: `scan-blocks.wgsl.ts ${workgroupSize}`,
    storage: { workspace: 'words out' },
    params: ['experts', 'blocks'],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
${WORKGROUP_INDEX}
${WORKGROUP_SCAN}
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let expert = group_index(group, groups);
  if (expert >= p.experts) { return; }
  let start = p.workspace_at + expert * p.blocks;
  var total = 0u;
  for (var first = 0u; first < p.blocks; first += WORKGROUP) {
    let block = first + thread;
    var count = 0u;
    if (block < p.blocks) { count = workspace[start + block]; }
    let sums = workgroup_scan(count, thread);
    if (block < p.blocks) { workspace[start + block] = total + sums.x; }
    total += sums.y;
  }
  if (thread == 0u) { workspace[p.workspace_at + p.experts * p.blocks + expert] = total; }
}
`,
  };
}
