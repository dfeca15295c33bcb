import type { BackendLimits } from '../contract.js';
import { describe, invalid, invalidArgument } from '../errors.js';
import { checkLimit } from './limit.js';
import { checkSize } from './values.js';

/** Rows of the permuted tensor and all int32 indices stay below this. */
const MAX_ROWS = 2 ** 31;

/** K·T < 2^31. Code: TOO_MANY_ROWS. */
export function checkRows(argument: string, topK: number, tokens: number): void {
  if (topK * tokens < MAX_ROWS) return;
  throw invalid('TOO_MANY_ROWS', argument, `${topK} × ${tokens} rows`, 'fewer than 2^31 rows');
}

/** 1 ≤ K ≤ E, and within the backend's limits. Codes: INVALID_TOP_K, LIMIT_EXCEEDED. */
export function checkTopK(
  argument: string,
  topK: unknown,
  numExperts: number,
  limits: BackendLimits,
): asserts topK is number {
  if (!Number.isInteger(topK) || (topK as number) < 1 || (topK as number) > numExperts) {
    const expected = `an integer from 1 to the number of experts, ${numExperts}`;
    throw invalid('INVALID_TOP_K', argument, describe(topK), expected);
  }
  checkLimit(argument, 'maxTopK', topK as number, limits);
}

/** Of the experts, some have weights. Code: INVALID_ARGUMENT. */
export function checkZeroExperts(zeroExperts: unknown, numExperts: number): asserts zeroExperts is number {
  checkSize('zeroExperts', zeroExperts, 0);
  if (zeroExperts >= numExperts)
    throw invalidArgument('zeroExperts', zeroExperts, `fewer than ${numExperts} experts`);
}
