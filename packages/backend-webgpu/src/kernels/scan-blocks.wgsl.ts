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
// Blocks of a thread.
const EACH = 4u;
${WORKGROUP_INDEX}
${WORKGROUP_SCAN}
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let expert = group_index(group, groups);
  if (expert >= p.experts) { return; }
  let start = p.workspace_at + expert * p.blocks;
  var total = 0u;
  for (var first = 0u; first < p.blocks; first += WORKGROUP * EACH) {
    let block = first + thread * EACH;
    var each: array<u32, EACH>;
    var sum = 0u;
    for (var i = 0u; i < EACH; i++) {
      each[i] = 0u;
      if (block + i < p.blocks) { each[i] = workspace[start + block + i]; }
      sum += each[i];
    }
    let sums = workgroup_scan(sum, thread);
    var before = total + sums.x;
    for (var i = 0u; i < EACH; i++) {
      if (block + i < p.blocks) { workspace[start + block + i] = before; }
      before += each[i];
    }
    total += sums.y;
  }
  if (thread == 0u) { workspace[p.workspace_at + p.experts * p.blocks + expert] = total; }
}
`,
  };
}
