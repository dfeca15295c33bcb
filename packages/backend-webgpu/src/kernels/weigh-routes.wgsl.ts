import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { kernelId } from '../kernel.js';
import { FLOAT32, FLOAT32_DIVIDE } from './float32.wgsl.js';
import { gatingValues } from './gating-values.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { scoreFunction } from './score-functions.wgsl.js';

export interface WeighRoutesOptions {
  norm: boolean;
  /** Of the shared logits, whose scores join the sum; undefined if there are none. */
  shared: ScoringFunc | undefined;
  perExpert: boolean;
  global: boolean;
}

/** Makes a router's weights of the scores of the choices, in place. Choices from `skipped_from` on become -1. One thread a token. */
export function weighRoutes(options: WeighRoutesOptions) {
  const { norm, shared, perExpert, global } = options;
  const scores =
    shared === undefined ? FLOAT32 : gatingValues('float32', 'shared_logits') + scoreFunction(shared);
  return {
    id: kernelId('weigh-routes.wgsl.ts', options),
    ...routeSignature(
      'top_k_indices',
      'expert_scales_float',
      shared !== undefined && 'shared_logits',
      perExpert && 'per_expert_scale',
      global && 'global_scale',
    ),
    body: () => /* wgsl */ `
${scores}
${norm ? FLOAT32_DIVIDE : ''}
fn run(group: u32, thread: u32) {
  let token = p.first_token + group * WORKGROUP + thread;
  if (token >= p.end_token) { return; }
  let first = token * p.top_k;
  ${norm ? `let total = total_of(token, first);` : ''}
  for (var choice = first; choice < first + p.top_k; choice++) {
    let expert = top_k_indices[choice + p.top_k_indices_at];
    let goes = expert < p.skipped_from;
    var weight = expert_scales_float[choice + p.expert_scales_float_at];
    ${norm ? `weight = normalised(weight, total);` : ''}
    weight = multiply(weight, p.factor);
    ${perExpert ? `if (goes) { weight = multiply(weight, per_expert_scale[expert + p.per_expert_scale_at]); }` : ''}
    ${global ? `weight = multiply(weight, global_scale[p.global_scale_at]);` : ''}
    top_k_indices[choice + p.top_k_indices_at] = select(0xffffffffu, expert, goes);
    expert_scales_float[choice + p.expert_scales_float_at] = select(0u, weight, goes);
  }
}

${norm ? totalOf(shared !== undefined) : ''}
`,
  };
}

/** Choices that are -1 have scores of 0. */
function totalOf(shared: boolean): string {
  return /* wgsl */ `
fn total_of(token: u32, first: u32) -> u32 {
  var total = 0u;
  for (var k = 0u; k < p.top_k; k++) { total = add(total, expert_scales_float[first + k + p.expert_scales_float_at]); }
  ${shared ? `for (var i = 0u; i < p.shared_experts; i++) { total = add(total, score(logit(token * p.shared_experts + i), Row())); }` : ''}
  return add(total, p.norm_eps);
}
`;
}
