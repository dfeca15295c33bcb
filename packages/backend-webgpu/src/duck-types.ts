import { describe, invalid } from '@moe-dispatch/core/backend';

/**
 * Throws INVALID_ARGUMENT unless `value` has these methods. What WebGPU gives is known by its methods, because the
 * globals `GPUDevice` and so on are missing in Node, and a caller may wrap it in a proxy.
 */
export function checkMethods(
  argument: string,
  value: unknown,
  methods: readonly string[],
  expected: string,
): void {
  const missing = methods.find((name) => typeof read(value, name) !== 'function');
  if (missing === undefined) return;
  const isObject = typeof value === 'object' && value !== null;
  const found = isObject ? `${describe(value)} without ${missing}()` : describe(value);
  throw invalid('INVALID_ARGUMENT', argument, found, expected);
}

/** A property; undefined if it cannot be read, for example of a revoked proxy. */
export function read(value: unknown, name: string): unknown {
  // Not left to the catch, which is slow.
  if (value === null || value === undefined) return undefined;
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
