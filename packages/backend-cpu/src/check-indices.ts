import { invalid } from '@moe-dispatch/core/backend';
import type { CpuTensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** Throws INDEX_OUT_OF_RANGE unless the first `count` indices lie from `least` to `limit` − 1. */
export function checkIndices(
  argument: string,
  indices: Int32Array,
  count: number,
  limit: number,
  least = 0,
): void {
  for (let i = 0; i < count; i++) {
    if (indices[i] >= least && indices[i] < limit) continue;
    throw outOfRange(argument, indices[i], i, limit, least);
  }
}

export function outOfRange(
  argument: string,
  index: number,
  element: number,
  limit: number,
  least = 0,
): Error {
  const expected = `indices from ${least} to ${limit - 1}`;
  return invalid('INDEX_OUT_OF_RANGE', argument, `${index} at element ${element}`, expected);
}

/** Throws unless a plan's map sends the (choice, token) pairs to rows of the result, none twice. */
export function checkMap(map: CpuTensor, workspace: Workspace): void {
  const rows = map.padded as Int32Array;
  const count = map.shape[0] * map.shape[1];
  checkIndices('plan.permuteIndicesPerToken', rows, count, count, -1);
  const seen = workspace.forRows(count).fill(0, 0, count);
  for (let i = 0; i < count; i++) {
    if (rows[i] < 0 || seen[rows[i]]++ === 0) continue;
    throw invalid(
      'INVALID_ARGUMENT',
      'plan.permuteIndicesPerToken',
      `row ${rows[i]} a second time at element ${i}`,
      `each row from 0 to ${count - 1} at most once`,
    );
  }
}
