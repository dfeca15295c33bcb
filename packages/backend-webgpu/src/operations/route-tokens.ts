import type { Schedule } from '../schedule.js';
import { dropBeyondCapacity } from './drop-choices.js';
import { mask, mixSparsely, type RouteCall, score, skippedFrom, weigh } from './route-launches.js';
import { chooseExperts, chooseSelection, type Selection } from './select-experts.js';
import type { Tiles } from './tiles.js';

/**
 * Chooses experts and makes the weights of the choices. Most routers take one launch, route-select; what it has no room for
 * follows in launches of its own.
 * @param count whether to count the choices by tile as well, if the kernel can.
 * @returns the counts, if any.
 */
export function routeTokens(schedule: Schedule, call: RouteCall, count: boolean): Tiles | undefined {
  if (call.tokens === 0) return undefined;
  const { selection, expertCapacity, dropPolicy, normBeforeDrop, tokenMask } = call;
  const chosen = chooseSelection(schedule.device, call);
  const drops = expertCapacity > 0;
  const given = selection === 'given';
  const tokenKeys = dropPolicy === 'probs' ? schedule.workspace(call.tokens * 4) : undefined;
  let tiles: Tiles | undefined;
  if (selection === 'sparsemixer') mixSparsely(schedule, call);
  else {
    // Choices that become -1 afterwards are counted afterwards.
    if (!given) tiles = chooseExperts(schedule, call, chosen, count && tokenMask === null && !drops);
    if (given || !chosen.scored || tokenKeys) score(schedule, call, tokenKeys);
  }
  if (tokenMask) mask(schedule, call);
  if (drops && !normBeforeDrop) dropBeyondCapacity(schedule, call, tokenKeys);
  if (isWeighed(call, chosen)) weigh(schedule, call);
  if (drops && normBeforeDrop) dropBeyondCapacity(schedule, call, tokenKeys);
  return tiles;
}

/** Whether the scores of the choices are no weights yet when they have been chosen. */
function isWeighed(call: RouteCall, { weighs }: Selection): boolean {
  if (weighs && call.selection !== 'given') return false;
  const { normTopkProb, routedScalingFactor, perExpertScale, globalScale } = call;
  const hasFactors = routedScalingFactor !== 1 || perExpertScale !== null || globalScale !== null;
  return normTopkProb || hasFactors || skippedFrom(call) < call.numExperts;
}
