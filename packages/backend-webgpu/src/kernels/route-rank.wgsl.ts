import { kernelId, signature } from '../kernel.js';
import { GATING_VALUES } from './gating-values.wgsl.js';

const SIGNATURE = signature(
  { gating_output: 'words', top_k_indices: 'words out', expert_scales_float: 'words out' },
  ['first_row', 'rows', 'width', 'picks'],
);

/**
 * Chooses many experts of each token at once: the number of experts that rank before an expert tells which choice it
 * is. One workgroup per token; the work grows with E², whatever K is.
 */
export function routeRank(topkOnly: boolean) {
  return {
    id: kernelId('route-rank.wgsl.ts', { topkOnly }),
    ...SIGNATURE,
    body: () => /* wgsl */ `
const TOPK_ONLY = ${topkOnly};
${GATING_VALUES}
var<workgroup> keys: array<u32, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;

fn row_maximum(start: u32, thread: u32) -> f32 {
  var best = 0u;
  for (var i = thread; i < p.width; i += WORKGROUP) { best = max(best, rank_key(gating_output[start + i])); }
  keys[thread] = best;
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(WORKGROUP); step++) {
    let half = WORKGROUP >> step;
    if (thread < half) { keys[thread] = max(keys[thread], keys[thread + half]); }
    workgroupBarrier();
  }
  let maximum = key_value(keys[0]);
  workgroupBarrier();
  return maximum;
}

fn row_total(start: u32, thread: u32, maximum: f32) -> f32 {
  // In parts, because one long float32 sum loses too much precision.
  var sum = 0.0;
  for (var i = thread; i < p.width; i += 16u * WORKGROUP) {
    var part = 0.0;
    for (var j = i; j < min(i + 16u * WORKGROUP, p.width); j += WORKGROUP) {
      part += softmax_term(key_value(rank_key(gating_output[start + j])), maximum);
    }
    sum += part;
  }
  sums[thread] = sum;
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(WORKGROUP); step++) {
    let half = WORKGROUP >> step;
    if (thread < half) { sums[thread] += sums[thread + half]; }
    workgroupBarrier();
  }
  return sums[0];
}

fn run(group: u32, thread: u32) {
  let row = p.first_row + group;
  if (row >= p.rows) { return; }
  let start = row * p.width + p.gating_output_at;
  let maximum = row_maximum(start, thread);
  let total = row_total(start, thread, maximum);
  for (var first = 0u; first < p.width; first += WORKGROUP) {
    let expert = first + thread;
    let bits = gating_output[start + min(expert, p.width - 1u)];
    let key = rank_key(bits);
    var place = 0u;
    for (var chunk = 0u; chunk < p.width; chunk += WORKGROUP) {
      keys[thread] = select(0u, rank_key(gating_output[start + chunk + thread]), chunk + thread < p.width);
      workgroupBarrier();
      for (var j = 0u; j < WORKGROUP; j++) {
        let other = keys[j];
        place += u32(other > key || (other == key && chunk + j < expert));
      }
      workgroupBarrier();
    }
    if (expert < p.width && place < p.picks) {
      top_k_indices[p.top_k_indices_at + row * p.picks + place] = expert;
      expert_scales_float[p.expert_scales_float_at + row * p.picks + place] = scale_bits(bits, maximum, total, TOPK_ONLY);
    }
  }
}
`,
  };
}
