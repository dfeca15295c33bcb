import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { tableOf } from './float-table.js';
import { expNeg, quotient32, sigmoid, sqrtsoftplus, unitsOf } from './scores.js';
import type { CpuTensor } from './tensor.js';
import { workspaceArray } from './workspace-array.js';

const FLOAT32_MAX = 3.4028234663852886e38;

/** NaN and −∞ count as −FLT_MAX, +∞ as FLT_MAX. */
export function clean(value: number): number {
  if (value >= -FLOAT32_MAX && value <= FLOAT32_MAX) return value;
  return value > 0 ? FLOAT32_MAX : -FLOAT32_MAX;
}

/** Where the largest of some values is, the first of equal ones, not counting the one at `except`. */
export function indexOfLargest(values: Float32Array, first: number, count: number, except = -1): number {
  let best = -1;
  for (let i = first; i < first + count; i++) {
    if (i !== except && (best < 0 || values[i] > values[best])) best = i;
  }
  return best;
}

/** A row of gating values and their scores (docs/semantics.md, "Choosing experts"). */
export class GatingRow {
  /** The cleaned values. */
  readonly logits: Float32Array;
  /** What experts are ranked by. */
  readonly choiceValues: Float32Array;
  /** exp(l − max) of a softmax, and their sum in units of 2^-31. */
  readonly #terms: Float64Array;
  #sum = 0;
  #scoringFunc: ScoringFunc = 'softmax';

  constructor(numExperts: number) {
    this.logits = workspaceArray(Float32Array, numExperts);
    this.choiceValues = workspaceArray(Float32Array, numExperts);
    this.#terms = workspaceArray(Float64Array, numExperts);
  }

  get byteLength(): number {
    return 4 * this.logits.byteLength;
  }

  /** Reads a row of a float tensor, from element `first` on. */
  load({ dtype, padded }: CpuTensor, first: number, count: number): void {
    const { logits } = this;
    if (dtype === 'float32') {
      const values = padded as Float32Array;
      for (let i = 0; i < count; i++) logits[i] = clean(values[first + i]);
      return;
    }
    const words = padded as Uint16Array;
    const table = tableOf(dtype);
    for (let i = 0; i < count; i++) logits[i] = clean(table[words[first + i]]);
  }

  /** Makes ready for scores; those of a softmax are shares among `count` experts from `first` on. */
  prepare(scoringFunc: ScoringFunc, first: number, count: number): void {
    this.#scoringFunc = scoringFunc;
    if (scoringFunc !== 'softmax') return;
    this.startSum();
    const max = this.logits[indexOfLargest(this.logits, first, count)];
    for (let i = first; i < first + count; i++) this.addTerm(i, max);
  }

  /** Starts a softmax of which {@link addTerm} names the members. */
  startSum(): void {
    this.#scoringFunc = 'softmax';
    this.#sum = 0;
  }

  /** Sums of these integers are exact: below 2^53 for 2^21 experts. */
  addTerm(expert: number, max: number): void {
    const term = expNeg(Math.fround(max - this.logits[expert]));
    this.#terms[expert] = term;
    this.#sum += unitsOf(term);
  }

  /** The score of an expert. */
  score(expert: number): number {
    const logit = this.logits[expert];
    switch (this.#scoringFunc) {
      case 'softmax':
        return quotient32(this.#terms[expert], this.#sum);
      case 'sigmoid':
        return sigmoid(logit);
      case 'sqrtsoftplus':
        return sqrtsoftplus(logit);
      case 'none':
        return logit;
    }
  }
}
