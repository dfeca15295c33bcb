import type { RouteCall } from './route.js';
import type { RouteWorkspace } from './route-workspace.js';

const DIGITS = 2 ** 16;

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
function sortTokens(
  tokens: number,
  { scoreBits: bits, tokenOrder, otherOrder, digits }: RouteWorkspace,
): void {
  for (let token = 0; token < tokens; token++) {
    // Descending, −0 as +0.
    const key = bits[token] === 0x80000000 ? 0 : bits[token];
    bits[token] = key >>> 31 === 1 ? key : ~key & 0x7fffffff;
    tokenOrder[token] = token;
  }
  sortByDigit(tokenOrder, otherOrder, tokens, bits, digits, 0);
  sortByDigit(otherOrder, tokenOrder, tokens, bits, digits, 16);
}

/** A stable counting sort of `from` into `to`. */
function sortByDigit(
  from: Int32Array,
  to: Int32Array,
  count: number,
  keys: Uint32Array,
  digits: Int32Array,
  shift: number,
): void {
  digits.fill(0);
  for (let i = 0; i < count; i++) digits[(keys[from[i]] >>> shift) % DIGITS]++;
  let first = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const tally = digits[digit];
    digits[digit] = first;
    first += tally;
  }
  for (let i = 0; i < count; i++) to[digits[(keys[from[i]] >>> shift) % DIGITS]++] = from[i];
}
