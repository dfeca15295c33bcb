import type { FloatDType } from '@moe-dispatch/core';
import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { kernelId } from '../kernel.js';
import { type Groups, topTwo } from './lane-keys.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { measureRow, workgroupRow } from './workgroup-row.wgsl.js';

export interface ScoreExpertsOptions {
  gating: FloatDType;
  scoringFunc: ScoringFunc;
  biased: boolean;
  groups: Groups;
}

/**
 * Keys of all experts by choice value, 0 in groups that are not kept: for what route-select has no room for. One
 * workgroup per token; expert_keys and group_keys begin with the first one.
 */
export function scoreExperts(options: ScoreExpertsOptions) {
  const { gating, scoringFunc, biased, groups } = options;
  const grouped = groups !== 'all';
  const measured = scoringFunc === 'softmax' && (biased || groups === 'bestTwo');
  return {
    id: kernelId('score-experts.wgsl.ts', options),
    ...routeSignature(
      'gating_output',
      'expert_keys',
      biased && 'e_score_correction_bias',
      grouped && 'group_keys',
    ),
    body: () => /* wgsl */ `
${workgroupRow(gating, scoringFunc)}
${measured ? measureRow(scoringFunc) : ''}
${groups === 'best' ? `fn group_key(two: vec2<u32>, sums: Row) -> u32 { return two.x; }` : ''}
${groups === 'bestTwo' ? topTwo(biased) : ''}
${grouped ? KEEP_GROUPS : ''}
fn run(group: u32, thread: u32) {
  let token = p.first_token + group;
  if (token >= p.end_token) { return; }
  let start = token * p.experts;
  let row = ${measured ? `measure_row(start, thread)` : `Row()`};
  let keys = group * p.experts + p.expert_keys_at;
  for (var i = thread; i < p.experts; i += WORKGROUP) { expert_keys[keys + i] = choice_key(start, i, row); }
  ${grouped ? `keep_groups(group, keys, thread, row);` : ''}
}

fn choice_key(start: u32, i: u32, row: Row) -> u32 {
  ${
    biased
      ? `let bias = clean(e_score_correction_bias[i + p.e_score_correction_bias_at]);
  return rank_key(plus(score(logit(start + i), row), bias));`
      : `return logit_key(start + i);`
  }
}
`,
  };
}

const KEEP_GROUPS = /* wgsl */ `
fn keep_groups(token: u32, keys: u32, thread: u32, row: Row) {
  let groups = p.experts / p.group_width;
  let first = token * groups + p.group_keys_at;
  storageBarrier();
  for (var g = thread; g < groups; g += WORKGROUP) {
    group_keys[first + g] = group_key(best_two(keys + g * p.group_width), row);
  }
  storageBarrier();
  for (var g = thread; g < groups; g += WORKGROUP) {
    if (groups_before(first, g, groups) < p.kept_groups) { continue; }
    for (var i = 0u; i < p.group_width; i++) { expert_keys[keys + g * p.group_width + i] = 0u; }
  }
}

fn best_two(first: u32) -> vec2<u32> {
  var two = vec2(0u);
  for (var i = 0u; i < p.group_width; i++) {
    let key = expert_keys[first + i];
    two = vec2(max(two.x, key), max(two.y, min(two.x, key)));
  }
  return two;
}

fn groups_before(first: u32, group: u32, groups: u32) -> u32 {
  let key = group_keys[first + group];
  var before = 0u;
  for (var g = 0u; g < groups; g++) {
    let other = group_keys[first + g];
    before += u32(other > key || (other == key && g < group));
  }
  return before;
}
`;
