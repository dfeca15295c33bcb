import type { ExpertWorkspace } from './workspace.js';

const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);
/** Experts that a key has room for beside the 33 bits of a value's order. */
const KEY_EXPERTS = 2 ** 20;

/**
 * Puts the best `topK` of `values` into topExperts: larger first, then lower index. Sorts numbers made of
 * the value's rank and the expert, both exact within a float64's 53 bits.
 */
export function selectTop({ keys, values, topExperts }: ExpertWorkspace, topK: number): void {
  for (let i = 0; i < keys.length; i++) {
    floatBits[0] = values[i];
    const bits = intBits[0];
    // −0 and +0 have the same rank.
    const rank = bits < 0 ? -(bits & 0x7fffffff) : bits;
    keys[i] = i - rank * KEY_EXPERTS;
  }
  keys.sort();
  for (let k = 0; k < topK; k++) {
    topExperts[k] = keys[k] - Math.floor(keys[k] / KEY_EXPERTS) * KEY_EXPERTS;
  }
}
