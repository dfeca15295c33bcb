import type { Call } from '@moe-dispatch/core/backend';
import { dropBeyondCapacity } from './capacity.js';
import { checkIndices } from './check-indices.js';
import { chooseBest } from './choose.js';
import { indexOfLargest } from './gating-row.js';
import type { RouteWorkspace } from './route-workspace.js';
import { mixSparsely } from './sparse-mixer.js';
import type { CpuTensor } from './tensor.js';
import { needsWeighing, weighChoices } from './weights.js';

export type RouteCall = Call<'routeTokens', CpuTensor>;

/** Chooses each token's experts and their weights (docs/semantics.md, "Choosing experts" and "Weights"). */
export function routeTokens(call: RouteCall, workspace: RouteWorkspace): void {
  const { expertIds, tokens, topK, numExperts } = call;
  if (expertIds !== null) {
    checkIndices('expertIds', expertIds.padded as Int32Array, tokens * topK, numExperts, -1);
  }
  for (let token = 0; token < tokens; token++) scoreChoices(call, workspace, token);
  finishRouting(call, workspace);
}

/** What follows when the choices and their scores are there: the mask, the drop, and the weights. */
export function finishRouting(call: RouteCall, workspace: RouteWorkspace): void {
  if (call.tokenMask !== null) leaveOutTokens(call, call.tokenMask.padded as Uint8Array);
  if (call.expertCapacity > 0) dropBeyondCapacity(call, workspace);
  if (needsWeighing(call)) weighChoices(call, workspace);
}

/** Padding tokens go to no expert. */
function leaveOutTokens({ tokens, topK, topKIndices, expertScalesFloat }: RouteCall, mask: Uint8Array): void {
  const experts = topKIndices.padded as Int32Array;
  const weights = expertScalesFloat.padded as Float32Array;
  for (let token = 0; token < tokens; token++) {
    if (mask[token] !== 0) continue;
    experts.fill(-1, token * topK, (token + 1) * topK);
    weights.fill(0, token * topK, (token + 1) * topK);
  }
}

/** A token's choices and their scores. */
function scoreChoices(call: RouteCall, workspace: RouteWorkspace, token: number): void {
  const { numExperts, topK, scoringFunc } = call;
  const { row, bestScores } = workspace;
  const first = token * topK;
  row.load(call.gatingOutput, token * numExperts, numExperts);
  if (call.selection === 'sparsemixer') mixSparsely(call, workspace, first);
  else if (call.selection === 'one_per_group') chooseOfEachGroup(call, workspace, first);
  else {
    row.prepare(scoringFunc, 0, numExperts);
    if (call.selection === 'topk') chooseBest(call, workspace);
    storeChoices(call, workspace, first);
  }
  if (call.dropPolicy === 'probs') {
    row.putScore(indexOfLargest(row.logits, 0, numExperts), bestScores, token);
  }
}

/** The choices that were made, or those of the caller, with their scores. */
function storeChoices(call: RouteCall, { row, topExperts }: RouteWorkspace, first: number): void {
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const given = call.expertIds?.padded as Int32Array | undefined;
  for (let k = 0; k < call.topK; k++) {
    const expert = given === undefined ? topExperts[k] : given[first + k];
    experts[first + k] = expert;
    if (expert < 0) weights[first + k] = 0;
    else row.putScore(expert, weights, first + k);
  }
}

/** The best expert of each of K groups, with its score within the group. */
function chooseOfEachGroup(call: RouteCall, { row }: RouteWorkspace, first: number): void {
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const size = call.numExperts / call.nGroup;
  for (let group = 0; group < call.nGroup; group++) {
    const best = indexOfLargest(row.logits, group * size, size);
    row.prepare(call.scoringFunc, group * size, size);
    experts[first + group] = best;
    row.putScore(best, weights, first + group);
  }
}
