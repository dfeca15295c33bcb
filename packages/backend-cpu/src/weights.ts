import type { RouteCall } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';

const { fround } = Math;
/** A token's sum, and what is added to it. */
const sums = new Float32Array(2);

/** Whether the scores of the choices are not their weights yet. */
export function needsWeighing(call: RouteCall): boolean {
  return (
    call.normTopkProb ||
    call.routedScalingFactor !== 1 ||
    call.perExpertScale !== null ||
    call.globalScale !== null ||
    skippedFrom(call) < call.numExperts
  );
}

/** Makes weights of the scores of the choices (docs/semantics.md, "Weights"), each operation rounded to float32. */
export function weighChoices(call: RouteCall, { sharedRow }: RouteWorkspace): void {
  const { tokens, topK, routedScalingFactor } = call;
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const perExpert = call.perExpertScale?.padded as Float32Array | undefined;
  const globalScale = call.globalScale?.padded as Float32Array | undefined;
  const kept = skippedFrom(call);
  for (let token = 0; token < tokens; token++) {
    const first = token * topK;
    if (call.normTopkProb) sumWeights(call, sharedRow, token);
    const sum = sums[0];
    for (let k = first; k < first + topK; k++) {
      const expert = experts[k];
      // As an unsigned number, −1 is large.
      if (expert >>> 0 >= kept) {
        experts[k] = -1;
        weights[k] = 0;
        continue;
      }
      let weight = weights[k];
      if (call.normTopkProb) weight = sum === 0 ? 0 : fround(weight / sum);
      weight = fround(weight * routedScalingFactor);
      if (perExpert !== undefined) weight = fround(weight * perExpert[expert]);
      if (globalScale !== undefined) weight = fround(weight * globalScale[0]);
      weights[k] = weight;
    }
  }
}

/** The first of the experts whose choices are skipped: of none, E. */
function skippedFrom({ numExperts, zeroExperts, zeroExpertKind }: RouteCall): number {
  return zeroExpertKind === 'skip' ? numExperts - zeroExperts : numExperts;
}

/** Of a token's choices in their order, of the shared experts, and normEps. */
function sumWeights(call: RouteCall, sharedRow: RouteWorkspace['sharedRow'], token: number): void {
  const { topK, sharedExperts, sharedLogits, scoringFunc } = call;
  const weights = call.expertScalesFloat.padded as Float32Array;
  sums[0] = 0;
  for (let k = token * topK; k < (token + 1) * topK; k++) sums[0] += weights[k];
  if (sharedLogits !== null) {
    sharedRow.load(sharedLogits, token * sharedExperts, sharedExperts);
    sharedRow.prepare(scoringFunc, 0, sharedExperts);
    for (let i = 0; i < sharedExperts; i++) {
      sharedRow.putScore(i, sums, 1);
      sums[0] += sums[1];
    }
  }
  sums[0] += call.normEps;
}
