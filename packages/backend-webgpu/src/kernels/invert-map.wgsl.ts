import type { Kernel } from '../kernel.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';

/** From the inverse map [K, T] to the token of each row. Both may be cuts of their tensors. */
export function invertMap(workgroupSize: number): Kernel {
  return {
    id: `invert-map.wgsl.ts ${workgroupSize}`,
    storage: { indices: 'words', row_tokens: 'words out' },
    params: ['tokens', 'indices_first', 'indices_count', 'row_first', 'row_count'],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
${WORKGROUP_INDEX}
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let i = group_index(group, groups) * WORKGROUP + thread;
  if (i >= p.indices_count) { return; }
  let word = p.indices_first + i;
  let row = indices[word + p.indices_at];
  if (row - p.row_first < p.row_count) { row_tokens[row + p.row_tokens_at] = word % p.tokens; }
}
`,
  };
}
