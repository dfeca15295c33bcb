import { indexOfLargest } from './gating-row.js';
import type { RouteCall } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';

const { fround } = Math;

/**
 * PhiMoE's two choices: the best expert and the best of the others, each with its share among the experts that are close
 * to it (docs/semantics.md, "Choosing experts").
 */
export function mixSparsely(call: RouteCall, { row }: RouteWorkspace, first: number): void {
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const { logits } = row;
  const threshold = fround(2 * call.jitterEps);
  let taken = -1;
  for (let k = 0; k < 2; k++) {
    const best = indexOfLargest(logits, 0, call.numExperts, taken);
    const top = logits[best];
    row.startSum();
    for (let i = 0; i < call.numExperts; i++) {
      const distance = fround(fround(top - logits[i]) / Math.max(Math.abs(logits[i]), top));
      // 0 / 0 is no distance.
      if (i !== taken && !(distance > threshold)) row.addTerm(i, best);
    }
    experts[first + k] = best;
    row.putScore(best, weights, first + k);
    taken = best;
  }
}
