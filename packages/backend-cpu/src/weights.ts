import type { RouteCall } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';

const { fround } = Math;

/** Whether the scores of the choices are not their weights yet. */
export function needsWeighing(call: RouteCall): boolean {
  return (
    call.normTopkProb ||
    call.routedScalingFactor !== 1 ||
    call.perExpertScale !== null ||
    call.globalScale !== null ||
    call.normBeforeDrop ||
    (call.zeroExperts > 0 && call.zeroExpertKind === 'skip')
  );
}

/** Makes weights of the scores of the choices (docs/semantics.md, "Weights"), each operation rounded to float32. */
export function weighChoices(call: RouteCall, { sharedRow }: RouteWorkspace): void {
  const { tokens, topK, numExperts, zeroExperts, zeroExpertKind, routedScalingFactor } = call;
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const perExpert = call.perExpertScale?.padded as Float32Array | undefined;
  const globalScale = call.globalScale?.padded as Float32Array | undefined;
  const kept = zeroExperts > 0 && zeroExpertKind === 'skip' ? numExperts - zeroExperts : numExperts;
  for (let token = 0; token < tokens; token++) {
    const first = token * topK;
    const sum = call.normTopkProb ? sumWeights(call, sharedRow, token) : 0;
    for (let k = first; k < first + topK; k++) {
      const expert = experts[k];
      let weight = weights[k];
      if (call.normTopkProb) weight = sum === 0 ? 0 : fround(weight / sum);
      weight = fround(weight * routedScalingFactor);
      if (perExpert !== undefined) weight = fround(weight * perExpert[expert]);
      if (globalScale !== undefined) weight = fround(weight * globalScale[0]);
      // As an unsigned number, −1 is large.
      const goes = expert >>> 0 < kept;
      experts[k] = goes ? expert : -1;
      weights[k] = goes ? weight : 0;
    }
  }
}

/** Of a token's choices in their order, of the shared experts, and normEps. */
function sumWeights(call: RouteCall, sharedRow: RouteWorkspace['sharedRow'], token: number): number {
  const { topK, sharedExperts, sharedLogits, scoringFunc } = call;
  const weights = call.expertScalesFloat.padded as Float32Array;
  let sum = 0;
  for (let k = token * topK; k < (token + 1) * topK; k++) sum = fround(sum + weights[k]);
  if (sharedLogits !== null) {
    sharedRow.load(sharedLogits, token * sharedExperts, sharedExperts);
    sharedRow.prepare(scoringFunc, 0, sharedExperts);
    for (let i = 0; i < sharedExperts; i++) sum = fround(sum + sharedRow.score(i));
  }
  return fround(sum + call.normEps);
}
