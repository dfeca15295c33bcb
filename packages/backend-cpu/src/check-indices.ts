import { InvalidArgumentError } from '@moe-dispatch/core';

/** Throws INDEX_OUT_OF_RANGE unless the first `count` indices lie from 0 to `limit` − 1. */
export function checkIndices(argument: string, indices: Int32Array, count: number, limit: number): void {
  for (let i = 0; i < count; i++) {
    // As unsigned numbers, negative indices are large.
    if (indices[i] >>> 0 < limit) continue;
    throw new InvalidArgumentError('INDEX_OUT_OF_RANGE', {
      argument,
      found: `${indices[i]} at element ${i}`,
      expected: `indices from 0 to ${limit - 1}`,
    });
  }
}
