import type { Call, Spec } from '@moe-dispatch/core/backend';
import { maskChoices } from '../kernels/mask-choices.wgsl.js';
import { weighRoutes } from '../kernels/weigh-routes.wgsl.js';
import type { Schedule } from '../schedule.js';
import { rowsOf, rowsPerBinding, type View, wholeView } from '../segments.js';
import { dropBeyondCapacity } from './drop-choices.js';
import { floatBits } from './float-bits.js';
import { mixSparsely, scoreChoices } from './score-choices.js';
import { chooseExperts, chooseSelection, type Selection } from './select-experts.js';
import type { Tiles } from './tiles.js';

type RouteCall = Call<'routeTokens', View>;

/**
 * Chooses experts and makes the weights of the choices. Most routers take one launch, route-select; what it has no room for
 * follows in launches of its own.
 * @param count whether to count the choices by tile as well, if the kernel can.
 * @returns the counts, if any.
 */
export function routeTokens(schedule: Schedule, call: RouteCall, count: boolean): Tiles | undefined {
  if (call.tokens === 0) return undefined;
  const { selection, expertCapacity, dropPolicy, normBeforeDrop } = call;
  const selected = chooseSelection(schedule.device, call);
  let tiles: Tiles | undefined;
  let tokenKeys: View | undefined;
  if (selection === 'sparsemixer') mixSparsely(schedule, call);
  else {
    const chooses = selection !== 'given';
    const changes = call.tokenMask !== null || expertCapacity > 0;
    if (chooses) tiles = chooseExperts(schedule, call, selected, count && !changes);
    if (dropPolicy === 'probs') tokenKeys = schedule.workspace(call.tokens * 4);
    if (!chooses || !selected.scored || tokenKeys) scoreChoices(schedule, call, tokenKeys);
  }
  if (call.tokenMask) mask(schedule, call, call.tokenMask);
  if (expertCapacity > 0 && !normBeforeDrop) dropBeyondCapacity(schedule, call, tokenKeys);
  if (isWeighed(call, selected)) weigh(schedule, call);
  if (expertCapacity > 0 && normBeforeDrop) dropBeyondCapacity(schedule, call, tokenKeys);
  return tiles;
}

/** Whether the scores of the choices are no weights yet when they have been chosen. */
function isWeighed(call: RouteCall, { scored, weighs }: Selection): boolean {
  if (scored && weighs) return false;
  return hasFactors(call) || skippedFrom(call) < call.numExperts;
}

function hasFactors({ normTopkProb, routedScalingFactor, perExpertScale, globalScale }: RouteCall): boolean {
  return normTopkProb || routedScalingFactor !== 1 || perExpertScale !== null || globalScale !== null;
}

/** The first of the experts whose choices are skipped: of none, E. */
export function skippedFrom({ numExperts, zeroExperts, zeroExpertKind }: Spec<'routeTokens'>): number {
  return zeroExpertKind === 'skip' ? numExperts - zeroExperts : numExperts;
}

function mask(
  schedule: Schedule,
  { tokens, topK, topKIndices, expertScalesFloat }: RouteCall,
  tokenMask: View,
): void {
  const { limits, workgroupSize } = schedule.device;
  const step = rowsPerBinding(limits, topK, 1, 'topKIndices');
  for (let first = 0; first < tokens; first += step) {
    const end = Math.min(first + step, tokens);
    const choices = (end - first) * topK;
    schedule.launch(
      maskChoices,
      {
        token_mask: rowsOf(tokenMask, 1, first, end, 1),
        top_k_indices: rowsOf(topKIndices, topK, first, end),
        expert_scales_float: rowsOf(expertScalesFloat, topK, first, end),
      },
      { first_choice: first * topK, choices, top_k: topK },
      Math.ceil(choices / workgroupSize),
    );
  }
}

function weigh(schedule: Schedule, call: RouteCall): void {
  const { limits, workgroupSize } = schedule.device;
  const { tokens, topK, sharedExperts, perExpertScale, globalScale } = call;
  const sharedLogits = sharedExperts > 0 ? call.sharedLogits : null;
  const kernel = weighRoutes({
    norm: call.normTopkProb,
    shared: sharedLogits ? call.scoringFunc : undefined,
    perExpert: perExpertScale !== null,
    global: globalScale !== null,
  });
  const step = rowsPerBinding(limits, Math.max(topK, sharedExperts), 1, 'topKIndices');
  for (let first = 0; first < tokens; first += step) {
    const end = Math.min(first + step, tokens);
    schedule.launch(
      kernel,
      {
        top_k_indices: rowsOf(call.topKIndices, topK, first, end),
        expert_scales_float: rowsOf(call.expertScalesFloat, topK, first, end),
        gating_output: sharedLogits && rowsOf(sharedLogits, sharedExperts, first, end),
        per_expert_scale: perExpertScale && wholeView(perExpertScale),
        global_scale: globalScale && wholeView(globalScale),
      },
      {
        ...{ first_token: first, end_token: end, top_k: topK, shared_experts: sharedExperts },
        ...{ norm_eps: floatBits(call.normEps), factor: floatBits(call.routedScalingFactor) },
        skipped_from: skippedFrom(call),
      },
      Math.ceil((end - first) / workgroupSize),
    );
  }
}
