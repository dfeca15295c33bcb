import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import type { Kernel } from '../kernel.js';
import { maskChoices } from '../kernels/mask-choices.wgsl.js';
import type { RouteBinding, RouteParam } from '../kernels/route-signature.wgsl.js';
import { scoreChoices } from '../kernels/score-choices.wgsl.js';
import { sparseMixer } from '../kernels/sparse-mixer.wgsl.js';
import { weighRoutes } from '../kernels/weigh-routes.wgsl.js';
import type { Schedule } from '../schedule.js';
import { rowsOf, rowsPerBinding, type Segment, type View, wholeView } from '../segments.js';
import { floatBits } from './float-bits.js';

export type RouteCall = Call<'routeTokens', View>;

/** Tokens of one launch. */
export interface Cut {
  readonly first: number;
  readonly end: number;
}

/**
 * Ranges of tokens whose gating values, and whatever else they have, fit a binding each.
 * @param tile of so many tokens: cuts are whole ones, if they have room for one.
 */
export function routeCuts({ device }: Schedule, call: RouteCall, tile = 1): Cut[] {
  const { tokens, numExperts, sharedExperts } = call;
  const most = rowsPerBinding(device.limits, Math.max(numExperts, sharedExperts), 1, 'gatingOutput');
  const step = most - (most % Math.min(tile, most));
  const cuts: Cut[] = [];
  for (let first = 0; first < tokens; first += step)
    cuts.push({ first, end: Math.min(first + step, tokens) });
  return cuts;
}

/** What kernels of routing can bind of the call's tensors. */
export function routeBindings(call: RouteCall, { first, end }: Cut): Record<RouteBinding, Segment | null> {
  const { numExperts, topK, sharedExperts } = call;
  const rows = (view: View | null, columns: number, bytes = 4) =>
    view && rowsOf(view, columns, first, end, bytes);
  const whole = (view: View | null) => view && wholeView(view);
  return {
    gating_output: rows(call.gatingOutput, numExperts, DTYPES[call.gatingDtype].bytes),
    top_k_indices: rows(call.topKIndices, topK),
    expert_scales_float: rows(call.expertScalesFloat, topK),
    expert_ids: rows(call.expertIds, topK),
    token_mask: rows(call.tokenMask, 1, 1),
    shared_logits: rows(call.sharedLogits, sharedExperts),
    e_score_correction_bias: whole(call.eScoreCorrectionBias),
    per_expert_scale: whole(call.perExpertScale),
    global_scale: whole(call.globalScale),
    ...{ expert_keys: null, group_keys: null, token_keys: null, places: null, tile_entries: null },
  };
}

export function routeParams(call: RouteCall, { first, end }: Cut): Record<RouteParam, number> {
  const { numExperts, topK, selection, zeroExperts, nGroup } = call;
  const rows_per_token = selection === 'one_per_group' ? topK : 1;
  return {
    ...{ first_token: first, end_token: end, experts: numExperts, top_k: topK },
    ...{ rows_per_token, first_row: first * rows_per_token, rows: end * rows_per_token },
    ...{ width: numExperts / rows_per_token, picks: topK / rows_per_token },
    ...{ group_width: numExperts / nGroup, kept_groups: call.topkGroup },
    ...{ norm_eps: floatBits(call.normEps), factor: floatBits(call.routedScalingFactor) },
    threshold: floatBits(2 * call.jitterEps),
    ...{ real_experts: numExperts - zeroExperts, skipped_from: skippedFrom(call) },
    ...{ shared_experts: call.sharedExperts, tiles: 0 },
  };
}

/** The first of the experts whose choices are skipped: of none, E. */
export function skippedFrom({ numExperts, zeroExperts, zeroExpertKind }: RouteCall): number {
  return zeroExpertKind === 'skip' ? numExperts - zeroExperts : numExperts;
}

/**
 * Scores the choices that are made, or the caller's.
 * @param tokenKeys gets a key of each token's largest score.
 */
export function score(schedule: Schedule, call: RouteCall, tokenKeys: View | undefined): void {
  const { scoringFunc, expertIds, gatingDtype } = call;
  const given = expertIds !== null;
  const gating = gatingDtype as FloatDType;
  launch(
    schedule,
    call,
    scoreChoices({ gating, scoringFunc, given, best: tokenKeys !== undefined }),
    1,
    tokenKeys,
  );
}

/** The choices and weights of PhiMoE's router. */
export function mixSparsely(schedule: Schedule, call: RouteCall): void {
  launch(schedule, call, sparseMixer(call.gatingDtype as FloatDType), 1);
}

/** Masked tokens go nowhere. */
export function mask(schedule: Schedule, call: RouteCall): void {
  launch(schedule, call, maskChoices, schedule.device.workgroupSize);
}

/** Makes weights of scores. */
export function weigh(schedule: Schedule, call: RouteCall): void {
  const kernel = weighRoutes({
    norm: call.normTopkProb,
    shared: call.sharedExperts > 0 ? call.scoringFunc : undefined,
    perExpert: call.perExpertScale !== null,
    global: call.globalScale !== null,
  });
  launch(schedule, call, kernel, schedule.device.workgroupSize);
}

function launch(
  schedule: Schedule,
  call: RouteCall,
  kernel: Kernel<RouteBinding, RouteParam>,
  workgroupTokens: number,
  tokenKeys?: View,
): void {
  for (const cut of routeCuts(schedule, call)) {
    const { first, end } = cut;
    const token_keys = tokenKeys ? rowsOf(tokenKeys, 1, first, end) : null;
    const workgroups = (end - first) / workgroupTokens;
    schedule.launch(kernel, { ...routeBindings(call, cut), token_keys }, routeParams(call, cut), workgroups);
  }
}
