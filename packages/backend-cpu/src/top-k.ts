import type { Workspace } from './workspace.js';

/** Above this many choices, sorting all experts is quicker than inserting. */
const MOST_INSERTED = 64;

/** Puts the best `topK` of `workspace.values` into topExperts and topValues: larger first, then lower index. */
export function selectTop(numExperts: number, topK: number, workspace: Workspace): void {
  if (topK <= MOST_INSERTED) insertTop(numExperts, topK, workspace);
  else sortTop(numExperts, topK, workspace);
}

function insertTop(numExperts: number, topK: number, workspace: Workspace): void {
  const { values, topExperts, topValues } = workspace;
  let count = 0;
  let threshold = -Infinity;
  for (let i = 0; i < numExperts; i++) {
    const value = values[i];
    if (value <= threshold) continue;
    let place = count < topK ? count++ : topK - 1;
    for (; place > 0 && topValues[place - 1] < value; place--) {
      topValues[place] = topValues[place - 1];
      topExperts[place] = topExperts[place - 1];
    }
    topValues[place] = value;
    topExperts[place] = i;
    if (count === topK) threshold = topValues[topK - 1];
  }
}

const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);
/** Experts that a key has room for beside the 33 bits of a value's rank. */
export const MAX_EXPERTS = 2 ** 20;

/** Sorts numbers made of the value's rank and the expert, both exact within a float64's 53 bits. */
function sortTop(numExperts: number, topK: number, workspace: Workspace): void {
  const { values, topExperts, topValues, sortKeys } = workspace;
  for (let i = 0; i < numExperts; i++) {
    floatBits[0] = values[i];
    const bits = intBits[0];
    // −0 and +0 have the same rank.
    const rank = bits < 0 ? -(bits & 0x7fffffff) : bits;
    sortKeys[i] = i - rank * MAX_EXPERTS;
  }
  sortKeys.sort();
  for (let k = 0; k < topK; k++) {
    const key = sortKeys[k];
    const expert = key - Math.floor(key / MAX_EXPERTS) * MAX_EXPERTS;
    topExperts[k] = expert;
    topValues[k] = values[expert];
  }
}
