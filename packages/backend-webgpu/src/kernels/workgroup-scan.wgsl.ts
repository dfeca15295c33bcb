/** Needs the constant WORKGROUP. Call it in uniform control flow only. */
export const WORKGROUP_SCAN = /* wgsl */ `
var<workgroup> scanned: array<u32, WORKGROUP>;

// The sum of the values of all threads before this one, and the sum of all values.
fn workgroup_scan(value: u32, thread: u32) -> vec2<u32> {
  scanned[thread] = value;
  workgroupBarrier();
  for (var step = 0u; step < countTrailingZeros(WORKGROUP); step++) {
    let distance = 1u << step;
    var sum = scanned[thread];
    if (thread >= distance) { sum += scanned[thread - distance]; }
    workgroupBarrier();
    scanned[thread] = sum;
    workgroupBarrier();
  }
  let sums = vec2(scanned[thread] - value, scanned[WORKGROUP - 1u]);
  workgroupBarrier();
  return sums;
}
`;
