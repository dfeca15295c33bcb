import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { type Gating, gatingValues } from './gating-values.wgsl.js';
import { scoreFunction } from './score-functions.wgsl.js';

/**
 * WGSL for workgroups that have a row of p.experts gating values each: `workgroup_best`, `workgroup_sum`, and
 * `row_best`, the row's highest key and its index. With the gating values and their score function.
 */
export function workgroupRow(gating: Gating, scoringFunc: ScoringFunc): string {
  return /* wgsl */ `
${gatingValues(gating)}
${scoreFunction(scoringFunc)}
var<workgroup> lane_values: array<vec2<u32>, WORKGROUP>;

// Of two keys with indices: the higher key, or the lower index.
fn better(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}

fn workgroup_best(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  lane_values[thread] = mine;
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(WORKGROUP); step++) {
    let half = WORKGROUP >> step;
    if (thread < half) { lane_values[thread] = better(lane_values[thread], lane_values[thread + half]); }
    workgroupBarrier();
  }
  let best = lane_values[0];
  workgroupBarrier();
  return best;
}

fn workgroup_sum(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  lane_values[thread] = mine;
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(WORKGROUP); step++) {
    let half = WORKGROUP >> step;
    if (thread < half) { lane_values[thread] += lane_values[thread + half]; }
    workgroupBarrier();
  }
  let sum = lane_values[0];
  workgroupBarrier();
  return sum;
}

// The best without the one that is left out.
fn row_best(start: u32, thread: u32, left_out: u32) -> vec2<u32> {
  var best = vec2(0u, 0xffffffffu);
  for (var i = thread; i < p.experts; i += WORKGROUP) {
    if (i != left_out) { best = better(best, vec2(logit_key(start + i), i)); }
  }
  return workgroup_best(best, thread);
}
`;
}

/** WGSL `measure_row`: what scores need of a row, and its largest logit. */
export function measureRow(scoringFunc: ScoringFunc): string {
  const softmax = scoringFunc === 'softmax';
  return /* wgsl */ `
fn measure_row(start: u32, thread: u32) -> Row {
  let maximum = key_bits(row_best(start, thread, 0xffffffffu).x);
  ${softmax ? SUM : `return Row(maximum, 0u, 0u);`}
}
`;
}

const SUM = /* wgsl */ `var sum = vec2(0u);
  for (var i = thread; i < p.experts; i += WORKGROUP) { sum += term(logit(start + i), maximum); }
  return softmax_row(maximum, workgroup_sum(sum, thread));`;
