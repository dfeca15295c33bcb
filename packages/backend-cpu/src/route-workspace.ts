import type { Spec } from '@moe-dispatch/core/backend';
import { GatingRow } from './gating-row.js';
import { workspaceArray } from './workspace-array.js';

const DIGITS = 2 ** 16;

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
  /** To sort tokens: their largest scores, and then their keys; their order, twice; a counter for each half of a key. */
  bestScores = new Float32Array(0);
  scoreBits = new Uint32Array(0);
  tokenOrder = new Int32Array(0);
  otherOrder = new Int32Array(0);
  digits = new Int32Array(0);

  /** Allocates what is missing. @param chooses whether experts are chosen here, in JavaScript */
  fit(sizes: Spec<'routeTokens'>, chooses: boolean): this {
    const { tokens, numExperts, nGroup, topkGroup, sharedExperts, expertCapacity, dropPolicy } = sizes;
    if (chooses && this.keys.length !== numExperts) {
      this.row = new GatingRow(numExperts);
      this.keys = workspaceArray(Float64Array, numExperts);
      this.topExperts = workspaceArray(Int32Array, numExperts);
    }
    const groups = topkGroup < nGroup ? nGroup : 0;
    if (chooses && this.groupKeys.length !== groups) {
      this.groupScores = workspaceArray(Float32Array, groups);
      this.groupKeys = workspaceArray(Float64Array, groups);
      this.topGroups = workspaceArray(Int32Array, groups);
    }
    if (this.sharedRow.logits.length !== sharedExperts) this.sharedRow = new GatingRow(sharedExperts);
    if (expertCapacity > 0 && this.queued.length !== numExperts) {
      this.queued = workspaceArray(Int32Array, numExperts);
    }
    if (dropPolicy === 'probs' && this.tokenOrder.length < tokens) this.#fitTokens(tokens);
    return this;
  }

  get byteLength(): number {
    const { keys, topExperts, groupScores, groupKeys, topGroups, queued } = this;
    const { bestScores, tokenOrder, otherOrder, digits } = this;
    const arrays = [keys, topExperts, groupScores, groupKeys, topGroups, queued];
    const all = [...arrays, bestScores, tokenOrder, otherOrder, digits, this.row, this.sharedRow];
    return all.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }

  #fitTokens(tokens: number): void {
    this.bestScores = workspaceArray(Float32Array, tokens);
    this.scoreBits = new Uint32Array(this.bestScores.buffer);
    this.tokenOrder = workspaceArray(Int32Array, tokens);
    this.otherOrder = workspaceArray(Int32Array, tokens);
    this.digits = workspaceArray(Int32Array, DIGITS);
  }
}
