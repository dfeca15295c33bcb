import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/** WGSL `write_expert`: writes an expert's offset, and its count as an int64, low word first. */
export const WRITE_EXPERT = /* wgsl */ `
fn write_expert(expert: u32, before: u32, count: u32) {
  expert_offsets[p.expert_offsets_at + expert] = before;
  token_nums_per_expert[p.token_nums_per_expert_at + 2u * expert] = count;
  token_nums_per_expert[p.token_nums_per_expert_at + 2u * expert + 1u] = 0u;
}
`;

/**
 * WGSL `write_offsets`: writes all offsets and counts. It calls the kernel's own `count_slice`, which adds the counts
 * of SLICE experts to `slice`. For one workgroup; SLICE is a multiple of WORKGROUP.
 */
export const WRITE_OFFSETS = /* wgsl */ `
${WORKGROUP_SCAN}
${WRITE_EXPERT}
var<workgroup> slice: array<atomic<u32>, SLICE>;

fn write_offsets(thread: u32) {
  let each = SLICE / WORKGROUP;
  var total = 0u;
  for (var first = 0u; first < p.experts; first += SLICE) {
    for (var i = thread; i < SLICE; i += WORKGROUP) { atomicStore(&slice[i], 0u); }
    workgroupBarrier();
    count_slice(first, thread);
    workgroupBarrier();
    var sum = 0u;
    for (var i = 0u; i < each; i++) { sum += atomicLoad(&slice[thread * each + i]); }
    let sums = workgroup_scan(sum, thread);
    var before = total + sums.x;
    for (var i = 0u; i < each; i++) {
      let expert = first + thread * each + i;
      let count = atomicLoad(&slice[thread * each + i]);
      if (expert < p.experts) { write_expert(expert, before, count); }
      before += count;
    }
    total += sums.y;
    workgroupBarrier();
  }
  if (thread == 0u) { expert_offsets[p.expert_offsets_at + p.experts] = total; }
}
`;
