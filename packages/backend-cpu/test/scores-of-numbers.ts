import * as scores from '../src/scores.js';

const { size, fraction } = scores;
const x = new Float32Array(1);
const y = new Float32Array(1);

/** exp(-s) for a float32 s ≥ 0. */
export function expNeg(s: number): number {
  size[0] = s;
  scores.expNeg();
  return fraction[0];
}

export function quotient32(e: number, sum: number): number {
  fraction.set([e, sum]);
  scores.quotient32(y, 0);
  return y[0];
}

export function sigmoid(value: number): number {
  x[0] = value;
  scores.sigmoid(x, 0, y, 0);
  return y[0];
}

export function sqrtsoftplus(value: number): number {
  x[0] = value;
  scores.sqrtsoftplus(x, 0, y, 0);
  return y[0];
}
