import type { GroupScoreFunc } from '@moe-dispatch/core/backend';
import { clean, type GatingRow, indexOfLargest } from './gating-row.js';
import type { RouteCall } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';
import { selectTop } from './top-k.js';

const { fround } = Math;
const secondScore = new Float32Array(1);

/** Puts a token's K best experts into topExperts, best first (docs/semantics.md, "Choosing experts"). */
export function chooseBest(call: RouteCall, workspace: RouteWorkspace): void {
  const { numExperts, nGroup, topkGroup, groupScoreFunc } = call;
  const { row } = workspace;
  const { choiceValues } = row;
  setChoiceValues(call, row, choiceValues);
  if (topkGroup < nGroup) {
    const { groupScores, groupKeys, topGroups } = workspace;
    scoreGroups(groupScoreFunc, call, workspace);
    selectTop(groupScores, groupKeys, topGroups, topkGroup);
    const size = numExperts / nGroup;
    // From here on, a group's score says whether it is kept.
    for (let group = 0; group < nGroup; group++) groupScores[group] = 0;
    for (let k = 0; k < topkGroup; k++) groupScores[topGroups[k]] = 1;
    for (let group = 0; group < nGroup; group++) {
      if (groupScores[group] === 0) choiceValues.fill(-Infinity, group * size, (group + 1) * size);
    }
  }
  selectTop(choiceValues, workspace.keys, workspace.topExperts, call.topK);
}

/** Scores with their bias; without one the gating values, which rank alike. */
function setChoiceValues(call: RouteCall, row: GatingRow, choiceValues: Float32Array): void {
  const { numExperts } = call;
  if (call.eScoreCorrectionBias === null) {
    choiceValues.set(row.logits);
    return;
  }
  const bias = call.eScoreCorrectionBias.padded as Float32Array;
  for (let i = 0; i < numExperts; i++) {
    row.putScore(i, choiceValues, i);
    choiceValues[i] = clean(fround(choiceValues[i] + clean(bias[i])));
  }
}

function scoreGroups(
  groupScoreFunc: GroupScoreFunc,
  call: RouteCall,
  { row, groupScores }: RouteWorkspace,
): void {
  const size = call.numExperts / call.nGroup;
  const biased = call.eScoreCorrectionBias !== null;
  for (let group = 0; group < call.nGroup; group++) {
    const best = indexOfLargest(row.choiceValues, group * size, size);
    groupScores[group] = row.choiceValues[best];
    if (groupScoreFunc === 'max') continue;
    if (!biased) row.putScore(best, groupScores, group);
    if (size === 1) continue;
    const second = indexOfLargest(row.choiceValues, group * size, size, best);
    secondScore[0] = row.choiceValues[second];
    if (!biased) row.putScore(second, secondScore, 0);
    groupScores[group] += secondScore[0];
  }
}
