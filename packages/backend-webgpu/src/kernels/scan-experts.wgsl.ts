import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/**
 * WGSL `scan_experts(thread)`: calls `write_expert(expert, before, count)` for every expert, where `before` is the
 * number of pairs of lower experts, and returns the number of all pairs. It needs a function `count_slice`, which
 * adds the counts of SLICE experts to `slice`. One workgroup; SLICE is a multiple of WORKGROUP.
 */
export const SCAN_EXPERTS = /* wgsl */ `
${WORKGROUP_SCAN}
var<workgroup> slice: array<atomic<u32>, SLICE>;

fn scan_experts(thread: u32) -> u32 {
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
  return total;
}
`;
