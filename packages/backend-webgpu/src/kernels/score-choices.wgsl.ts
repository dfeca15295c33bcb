import type { FloatDType } from '@moe-dispatch/core';
import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { kernelId } from '../kernel.js';
import { routeSignature } from './route-signature.wgsl.js';
import { measureRow, workgroupRow } from './workgroup-row.wgsl.js';

export interface ScoreChoicesOptions {
  gating: FloatDType;
  scoringFunc: ScoringFunc;
  /** Whether the choices are the caller's, in expert_ids. One that is no expert becomes -1. */
  given: boolean;
  /** Whether a key of each token's largest score is wanted, token_keys. */
  best: boolean;
}

/** The scores of choices that are made, 0 for -1. One workgroup per token. */
export function scoreChoices(options: ScoreChoicesOptions) {
  const { gating, scoringFunc, given, best } = options;
  const measured = best || scoringFunc === 'softmax';
  return {
    id: kernelId('score-choices.wgsl.ts', options),
    ...routeSignature(
      'gating_output',
      'top_k_indices',
      'expert_scales_float',
      given && 'expert_ids',
      best && 'token_keys',
    ),
    body: () => /* wgsl */ `
${workgroupRow(gating, scoringFunc)}
${measured ? measureRow(scoringFunc) : ''}
fn run(group: u32, thread: u32) {
  let token = p.first_token + group;
  if (token >= p.end_token) { return; }
  let start = token * p.experts;
  let row = ${measured ? `measure_row(start, thread)` : `Row()`};
  for (var k = thread; k < p.top_k; k += WORKGROUP) {
    let choice = token * p.top_k + k;
    let at = choice + p.top_k_indices_at;
    ${given ? `top_k_indices[at] = expert_or_none(expert_ids[choice + p.expert_ids_at]);` : ''}
    expert_scales_float[choice + p.expert_scales_float_at] = score_of(start, top_k_indices[at], row);
  }
  ${best ? `if (thread == 0u) { token_keys[token + p.token_keys_at] = order_key(score(row.maximum, row)); }` : ''}
}

${given ? `fn expert_or_none(id: u32) -> u32 { return select(0xffffffffu, id, id < p.experts); }` : ''}

fn score_of(start: u32, expert: u32, row: Row) -> u32 {
  if (expert >= p.experts) { return 0u; }
  return score(logit(start + expert), row);
}
`,
  };
}
