import { invalid } from '@moe-dispatch/core/backend';
import type { CpuTensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** Throws INDEX_OUT_OF_RANGE unless the first `count` indices lie from 0 to `limit` − 1. */
export function checkIndices(argument: string, indices: Int32Array, count: number, limit: number): void {
  for (let i = 0; i < count; i++) {
    // As unsigned numbers, negative indices are large.
    if (indices[i] >>> 0 < limit) continue;
    throw invalid(
      'INDEX_OUT_OF_RANGE',
      argument,
      `${indices[i]} at element ${i}`,
      `indices from 0 to ${limit - 1}`,
    );
  }
}

/** Throws unless a plan's map sends the (choice, token) pairs to all rows of the result, each once. */
export function checkPermutation(map: CpuTensor, workspace: Workspace): void {
  const rows = map.padded as Int32Array;
  const count = map.shape[0] * map.shape[1];
  checkIndices('plan.permuteIndicesPerToken', rows, count, count);
  const seen = workspace.forRows(count).fill(0, 0, count);
  for (let i = 0; i < count; i++) {
    if (seen[rows[i]]++ === 0) continue;
    throw invalid(
      'INVALID_ARGUMENT',
      'plan.permuteIndicesPerToken',
      `row ${rows[i]} a second time at element ${i}`,
      `each row from 0 to ${count - 1} once`,
    );
  }
}
