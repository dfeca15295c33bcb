import type { FloatDType } from '@moe-dispatch/core';
import { FLOAT_FORMATS, smallestSubnormal, unitRoundoff } from './float-formats.js';

/* How far a result may lie from the right one where not every bit has to agree: docs/semantics.md, "Bounds". */

/**
 * Of weights that are not exact: those of a backend that does not claim it, and those of Paddle's own kernels.
 * @param gap max − l, whose rounding to float32 the second term pays for
 */
export function weightBound(w: number, gap: number): number {
  return Math.max(1e-37, Math.abs(w) * (2e-6 + 2 ** -23 * gap));
}

/**
 * Of a sum, before it is rounded to the dtype.
 * @param M the sum of the terms' magnitudes
 */
export function sumBound(M: number, K: number): number {
  // Float32 products in the subnormal range round by up to 2^-150 each, however small they are.
  return K * 2 ** -23 * M + (K + 1) * 2 ** -150;
}

/**
 * Between two backends' sums: each has its own error, and was rounded once.
 * @param ulp of the dtype, at one of the two
 */
export function pairBound(M: number, K: number, ulp: number): number {
  return 2 * sumBound(M, K) + ulp / 2;
}

/**
 * Paddle rounds its running sum after every choice: K roundings of the dtype, and one each of its and our result. To
 * these come the contract's own in float32, which count only if that is the dtype: K of the sum, K − 1 of the scales', and
 * four of each term (quotient, factor, bias, product).
 */
export function paddleBound(M: number, K: number, dtype: FloatDType): number {
  const format = FLOAT_FORMATS[dtype];
  const [u, s] = [unitRoundoff(format), smallestSubnormal(format)];
  return (K + 2) * Math.max(u * M, s / 2) + (2 * K + 3) * 2 ** -24 * M;
}

/** The recorded modules of models compute in float32, in ways of their own. */
export function recordedWeightBound(w: number): number {
  return 1e-5 * Math.abs(w);
}

/** @param largest value of the token, by magnitude */
export function recordedSumBound(largest: number): number {
  return 1e-4 * largest;
}
