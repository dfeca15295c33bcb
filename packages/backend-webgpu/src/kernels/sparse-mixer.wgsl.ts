import type { FloatDType } from '@moe-dispatch/core';
import { kernelId } from '../kernel.js';
import { FLOAT32_DIVIDE } from './float32.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { workgroupRow } from './workgroup-row.wgsl.js';

/** PhiMoE's two choices, each with its share of a softmax of its own. One workgroup per token. */
export function sparseMixer(gating: FloatDType) {
  return {
    id: kernelId('sparse-mixer.wgsl.ts', { gating }),
    ...routeSignature('gating_output', 'top_k_indices', 'expert_scales_float'),
    body: () => /* wgsl */ `
${workgroupRow(gating, 'softmax')}
${FLOAT32_DIVIDE}
fn run(group: u32, thread: u32) {
  let token = p.first_token + group;
  if (token >= p.end_token) { return; }
  let start = token * p.experts;
  var chosen = 0xffffffffu;
  for (var k = 0u; k < 2u; k++) {
    let best = row_best(start, thread, chosen);
    let row = row_that_stays(start, thread, key_bits(best.x), chosen);
    chosen = best.y;
    if (thread == 0u) {
      top_k_indices[2u * token + k + p.top_k_indices_at] = chosen;
      expert_scales_float[2u * token + k + p.expert_scales_float_at] = score(row.maximum, row);
    }
  }
}

fn row_that_stays(start: u32, thread: u32, maximum: u32, left_out: u32) -> Row {
  var sum = vec2(0u);
  for (var i = thread; i < p.experts; i += WORKGROUP) {
    let value = logit(start + i);
    if (i != left_out && stays(value, maximum)) { sum += term(value, maximum); }
  }
  return softmax_row(maximum, workgroup_sum(sum, thread));
}

// Unless (maximum - value) / max(|value|, maximum) > threshold. 0 / 0 is not.
fn stays(value: u32, maximum: u32) -> bool {
  let distance = add(maximum, value ^ 0x80000000u);
  let size = key_bits(max(order_key(value & SIZE), order_key(maximum)));
  if ((size & SIZE) == 0u) { return true; }
  return order_key(divide(distance, size)) <= order_key(p.threshold);
}
`,
  };
}
