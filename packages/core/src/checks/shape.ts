import { describe, type InvalidArgumentError, invalid } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** Elements in a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i];
  return count;
}

/**
 * Throws INVALID_SHAPE unless `shape` is an array of 1 to 4 non-negative integers with a countable product.
 * @returns a copy, which alone is safe to use: the caller's array may change
 */
export function checkShape(argument: string, value: unknown): number[] {
  // Array.from fills holes, and adding 0 makes −0 an ordinary 0.
  const shape = Array.isArray(value)
    ? Array.from(value, (size) => (typeof size === 'number' ? size + 0 : -1))
    : [];
  const countable = shape.reduce((product, size) => product * Math.max(size, 1), 1) < 2 ** 50;
  if (
    shape.length >= 1 &&
    shape.length <= 4 &&
    countable &&
    shape.every((size) => Number.isInteger(size) && size >= 0)
  ) {
    return shape;
  }
  const found = Array.isArray(value) ? `[${Array.from(value, describe).join(', ')}]` : describe(value);
  throw invalid('INVALID_SHAPE', argument, found, 'an array of 1 to 4 non-negative integers');
}

export function invalidShape(argument: string, tensor: Tensor, expected: string): InvalidArgumentError {
  return invalid('INVALID_SHAPE', argument, `shape [${tensor.shape.join(', ')}]`, expected);
}

/** Throws INVALID_SHAPE unless the tensor's shape is [rows, columns], or [rows] where `columns` is undefined. */
export function checkExactShape(argument: string, tensor: Tensor, rows: number, columns?: number): void {
  const { shape } = tensor;
  const rank = columns === undefined ? 1 : 2;
  if (shape.length === rank && shape[0] === rows && (columns === undefined || shape[1] === columns)) return;
  throw invalidShape(argument, tensor, columns === undefined ? `[${rows}]` : `[${rows}, ${columns}]`);
}

/** Tokens in a [T, width] or [B, S, width] tensor; throws INVALID_SHAPE for another rank. */
export function tokenCount(argument: string, tensor: Tensor): number {
  const { shape } = tensor;
  if (shape.length === 2) return shape[0];
  if (shape.length === 3) return shape[0] * shape[1];
  throw invalidShape(argument, tensor, 'rank 2 [tokens, width] or rank 3 [batch, sequence, width]');
}

/** The size of a tensor's last dimension. */
export function width(tensor: Tensor): number {
  return tensor.shape[tensor.shape.length - 1];
}
