import type { LateScores } from '../kernels/choice-weights.wgsl.js';
import type { Schedule } from '../schedule.js';
import { dropBeyondCapacity } from './drop-choices.js';
import { mask, mixSparsely, type RouteCall, routeCuts, score, skippedFrom, weigh } from './route-launches.js';
import { chooseExperts, chooseSelection, type Selection } from './select-experts.js';
import type { Tiles } from './tiles.js';

/** Storage buffers of the launch that moves rows if it makes weights as well; every device has as many by default. */
const LATE_BUFFERS = 8;

/** What is left of the routing for those that place pairs. */
export interface Routed {
  /** The counts of the choices by tile. */
  readonly tiles?: Tiles | undefined;
  readonly late?: LateScores | undefined;
}

/**
 * Chooses experts and makes the weights of the choices. Most routers take one launch, route-select; what it has no room for
 * follows in launches of its own.
 * @param count whether to count the choices by tile as well, if the kernel can.
 * @param canWait whether weights may be left for the launch that moves the rows.
 */
export function routeTokens(schedule: Schedule, call: RouteCall, count = false, canWait = false): Routed {
  if (call.tokens === 0) return {};
  const { selection, expertCapacity, dropPolicy, normBeforeDrop, tokenMask } = call;
  const chosen = chooseSelection(schedule.device, call, canWait && mayWait(schedule, call));
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
  return { tiles, late: chosen.late };
}

/** Whether nothing follows the choice that needs weights or changes choices. */
function mayWait(schedule: Schedule, call: RouteCall): boolean {
  const { selection, tokenMask, numExperts } = call;
  if (schedule.device.limits.maxStorageBuffersPerShaderStage < LATE_BUFFERS) return false;
  if (selection === 'given' || selection === 'sparsemixer' || tokenMask) return false;
  return skippedFrom(call) === numExperts && routeCuts(schedule, call).length === 1;
}

/** Whether the scores of the choices are no weights yet when they have been chosen. */
function isWeighed(call: RouteCall, { weighs }: Selection): boolean {
  if (weighs && call.selection !== 'given') return false;
  const { normTopkProb, routedScalingFactor, perExpertScale, globalScale } = call;
  const hasFactors = routedScalingFactor !== 1 || perExpertScale !== null || globalScale !== null;
  return normTopkProb || hasFactors || skippedFrom(call) < call.numExperts;
}
