import type { RouteCall } from './route.js';
import { DIGITS, type RouteWorkspace } from './route-workspace.js';
import { rankOf } from './top-k.js';

/**
 * Drops the choices that an expert has no room for: all first choices queue before all second ones (docs/semantics.md,
 * "Weights"). A dropped choice is −1; its score stays if the sum of the weights is to have it.
 */
export function dropBeyondCapacity(call: RouteCall, workspace: RouteWorkspace): void {
  const { tokens, topK, expertCapacity, normBeforeDrop } = call;
  const experts = call.topKIndices.padded as Int32Array;
  const weights = call.expertScalesFloat.padded as Float32Array;
  const byScore = call.dropPolicy === 'probs';
  const { queued, tokenOrder } = workspace;
  queued.fill(0);
  if (byScore) sortTokens(tokens, workspace);
  for (let k = 0; k < topK; k++) {
    for (let place = 0; place < tokens; place++) {
      const choice = (byScore ? tokenOrder[place] : place) * topK + k;
      const expert = experts[choice];
      if (expert < 0 || queued[expert]++ < expertCapacity) continue;
      experts[choice] = -1;
      if (!normBeforeDrop) weights[choice] = 0;
    }
  }
}

/** Puts the tokens into tokenOrder, the largest of `bestScores` first, equal ones in order: by both halves of a key. */
function sortTokens(tokens: number, workspace: RouteWorkspace): void {
  const { tokenOrder, otherOrder } = workspace;
  for (let token = 0; token < tokens; token++) tokenOrder[token] = token;
  sortByDigit(tokenOrder, otherOrder, tokens, workspace, 0);
  sortByDigit(otherOrder, tokenOrder, tokens, workspace, 16);
}

/** A stable counting sort of `from` into `to`. */
function sortByDigit(
  from: Int32Array,
  to: Int32Array,
  count: number,
  { bestScores, digits }: RouteWorkspace,
  shift: number,
): void {
  digits.fill(0);
  for (let i = 0; i < count; i++) digits[digitOf(bestScores, from[i], shift)]++;
  let first = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const tally = digits[digit];
    digits[digit] = first;
    first += tally;
  }
  for (let i = 0; i < count; i++) to[digits[digitOf(bestScores, from[i], shift)]++] = from[i];
}

/** Of a key that is smaller for larger scores. */
function digitOf(scores: Float32Array, token: number, shift: number): number {
  return ((0x7fffffff - rankOf(scores, token)) >>> shift) % DIGITS;
}
