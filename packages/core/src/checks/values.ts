import { describe, invalid } from '../errors.js';

/** Throws INVALID_ARGUMENT unless `value` is an object. */
export function checkObject(
  argument: string,
  value: unknown,
  expected = 'an object',
): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw invalid('INVALID_ARGUMENT', argument, describe(value), expected);
}

/** Throws INVALID_ARGUMENT unless `value` is a boolean. */
export function checkBoolean(argument: string, value: unknown): void {
  if (typeof value === 'boolean') return;
  throw invalid('INVALID_ARGUMENT', argument, describe(value), 'a boolean');
}

/** Throws INVALID_ARGUMENT unless `value` is an integer of at least `least`. */
export function checkSize(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  const expected = `an integer of at least ${least}`;
  throw invalid('INVALID_ARGUMENT', argument, describe(value), expected);
}
