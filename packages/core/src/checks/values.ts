import { invalidArgument } from '../errors.js';

/** Throws INVALID_ARGUMENT unless `value` is an object. */
export function checkObject(
  argument: string,
  value: unknown,
  expected = 'an object',
): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw invalidArgument(argument, value, expected);
}

/** Throws INVALID_ARGUMENT unless `value` is a boolean. */
export function checkBoolean(argument: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return;
  throw invalidArgument(argument, value, 'a boolean');
}

/** Throws INVALID_ARGUMENT unless `value` is one of `members`. */
export function checkMember<M extends string>(
  argument: string,
  value: unknown,
  members: readonly M[],
): asserts value is M {
  if ((members as readonly unknown[]).includes(value)) return;
  throw invalidArgument(argument, value, `one of ${members.join(', ')}`);
}

/** Throws INVALID_ARGUMENT unless `value` is an integer of at least `least`. */
export function checkSize(argument: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  const expected = `an integer of at least ${least}`;
  throw invalidArgument(argument, value, expected);
}

/** Throws INVALID_ARGUMENT unless `value` is finite as a float32, which it returns, and at least `least`. */
export function checkFloat(argument: string, value: unknown, least = -Infinity): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value)) && value >= least) {
    return Math.fround(value);
  }
  throw invalidArgument(
    argument,
    value,
    `a finite float32${least === -Infinity ? '' : ` of at least ${least}`}`,
  );
}

/** Whether `value` is an array. False for a revoked proxy, for which the engine would throw. */
export function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
