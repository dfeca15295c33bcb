import type { Spec } from '@moe-dispatch/core/backend';
import { GatingRow } from './gating-row.js';
import { workspaceArray } from './workspace-array.js';

/** Values of half a key. */
export const DIGITS = 2 ** 16;

/** The parts that are arrays. */
type ArrayName = Exclude<keyof RouteWorkspace, 'row' | 'sharedRow' | 'fit' | 'byteLength'>;

/** What routing needs beside its tensors; each part is kept until a call of another size needs it. */
export class RouteWorkspace {
  /** A token's gating values. */
  row = new GatingRow(0);
  /** Those of its shared experts. */
  sharedRow = new GatingRow(0);
  /** Keys to sort a token's experts by, and its choices, best first. */
  keys = new Float64Array(0);
  topExperts = new Int32Array(0);
  groupScores = new Float32Array(0);
  groupKeys = new Float64Array(0);
  topGroups = new Int32Array(0);
  /** With a capacity: the choices of each expert so far. */
  queued = new Int32Array(0);
  /** To sort tokens: their largest scores; their order, twice; a counter for each half of a key. */
  bestScores = new Float32Array(0);
  tokenOrder = new Int32Array(0);
  otherOrder = new Int32Array(0);
  digits = new Int32Array(0);

  /** Allocates what is missing. @param chooses whether experts are chosen here, in JavaScript */
  fit(sizes: Spec<'routeTokens'>, chooses: boolean): this {
    const { numExperts, nGroup, topkGroup, sharedExperts, expertCapacity, dropPolicy } = sizes;
    if (chooses) {
      if (this.row.logits.length !== numExperts) this.row = new GatingRow(numExperts);
      this.#fit('keys', Float64Array, numExperts);
      this.#fit('topExperts', Int32Array, numExperts);
      const groups = topkGroup < nGroup ? nGroup : 0;
      this.#fit('groupScores', Float32Array, groups);
      this.#fit('groupKeys', Float64Array, groups);
      this.#fit('topGroups', Int32Array, groups);
    }
    if (this.sharedRow.logits.length !== sharedExperts) this.sharedRow = new GatingRow(sharedExperts);
    if (expertCapacity > 0) this.#fit('queued', Int32Array, numExperts);
    if (dropPolicy === 'probs') {
      // Prepared runs may have fewer tokens.
      const tokens = Math.max(sizes.tokens, this.tokenOrder.length);
      this.#fit('bestScores', Float32Array, tokens);
      this.#fit('tokenOrder', Int32Array, tokens);
      this.#fit('otherOrder', Int32Array, tokens);
      this.#fit('digits', Int32Array, DIGITS);
    }
    return this;
  }

  get byteLength(): number {
    return Object.values(this).reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }

  #fit<Name extends ArrayName>(
    name: Name,
    ArrayType: new (length: number) => RouteWorkspace[Name],
    length: number,
  ): void {
    if (this[name].length !== length) (this as RouteWorkspace)[name] = workspaceArray(ArrayType, length);
  }
}
