import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { loadFloats } from './float-table.js';
import { expNeg, fraction, quotient32, sigmoid, size, sqrtsoftplus, unitsOf } from './scores.js';
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
  readonly #sum = new Float64Array(1);
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
  load(tensor: CpuTensor, first: number, count: number): void {
    const { logits } = this;
    loadFloats(tensor, first, count, logits, 0);
    for (let i = 0; i < count; i++) logits[i] = clean(logits[i]);
  }

  /** Makes ready for scores; those of a softmax are shares among `count` experts from `first` on. */
  prepare(scoringFunc: ScoringFunc, first: number, count: number): void {
    this.#scoringFunc = scoringFunc;
    if (scoringFunc !== 'softmax') return;
    this.startSum();
    const best = indexOfLargest(this.logits, first, count);
    for (let i = first; i < first + count; i++) this.addTerm(i, best);
  }

  /** Starts a softmax of which {@link addTerm} names the members. */
  startSum(): void {
    this.#scoringFunc = 'softmax';
    this.#sum[0] = 0;
  }

  /** Sums of these integers are exact: below 2^53 for 2^21 experts. @param best has the largest logit */
  addTerm(expert: number, best: number): void {
    size[0] = this.logits[best] - this.logits[expert];
    expNeg();
    this.#terms[expert] = fraction[0];
    this.#sum[0] += unitsOf(fraction[0]);
  }

  /** Puts the score of an expert into `scores`. */
  putScore(expert: number, scores: Float32Array, at: number): void {
    const { logits } = this;
    switch (this.#scoringFunc) {
      case 'softmax':
        fraction[0] = this.#terms[expert];
        fraction[1] = this.#sum[0];
        quotient32(scores, at);
        break;
      case 'sigmoid':
        sigmoid(logits, expert, scores, at);
        break;
      case 'sqrtsoftplus':
        sqrtsoftplus(logits, expert, scores, at);
        break;
      case 'none':
        scores[at] = logits[expert];
        break;
      default:
        this.#scoringFunc satisfies never;
    }
  }
}
