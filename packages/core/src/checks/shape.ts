import { describe, InvalidArgumentError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** Elements in a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i];
  return count;
}

/** Throws INVALID_SHAPE unless `shape` is an array of 1 to 4 non-negative integers with a countable product. */
export function checkShape(argument: string, shape: unknown): void {
  const valid =
    Array.isArray(shape) &&
    shape.length >= 1 &&
    shape.length <= 4 &&
    shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    shape.reduce((product: number, size: number) => product * Math.max(size, 1), 1) <=
      Number.MAX_SAFE_INTEGER / 8;
  if (valid) return;
  throw new InvalidArgumentError('INVALID_SHAPE', {
    argument,
    found: Array.isArray(shape) ? `[${shape.map(describe).join(', ')}]` : describe(shape),
    expected: 'an array of 1 to 4 non-negative integers',
  });
}

export function invalidShape(argument: string, tensor: Tensor, expected: string): InvalidArgumentError {
  return new InvalidArgumentError('INVALID_SHAPE', {
    argument,
    found: `shape [${tensor.shape.join(', ')}]`,
    expected,
  });
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

/** Throws INVALID_ARGUMENT unless `value` is an integer of at least `least`. */
export function checkSize(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  const expected = `an integer of at least ${least}`;
  throw new InvalidArgumentError('INVALID_ARGUMENT', { argument, found: describe(value), expected });
}
