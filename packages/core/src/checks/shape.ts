import { DTYPES, type DType } from '../dtypes.js';
import { describe, type InvalidArgumentError, invalid } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** Elements in a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i];
  return count;
}

/** Bytes of a tensor of this shape. */
export function byteLengthOf(shape: readonly number[], dtype: DType): number {
  return elementCount(shape) * DTYPES[dtype].bytes;
}

/**
 * Throws INVALID_SHAPE unless `shape` is an array of 1 to 4 non-negative integers with a countable product.
 * @returns a copy; only that is safe to use, because the caller's array may change
 */
export function checkShape(argument: string, value: unknown, note?: string): number[] {
  const shape = copyShape(value);
  const { length } = shape;
  const sizes = shape.every((size) => Number.isInteger(size) && size >= 0);
  const countable = elementCount(shape.map((size) => size || 1)) < 2 ** 50;
  if (length >= 1 && length <= 4 && sizes && countable) return shape;
  const found =
    shape.length > 0 ? `[${Array.from(value as unknown[], describe).join(', ')}]` : describe(value);
  const expected = 'an array of 1 to 4 non-negative integers';
  throw invalid('INVALID_SHAPE', argument, found, note ? `${expected}, ${note}` : expected);
}

/** The sizes, −1 for what is not a number; empty if `value` is not an array. */
function copyShape(value: unknown): number[] {
  try {
    // Array.from fills holes, and adding 0 makes −0 an ordinary 0.
    return Array.isArray(value)
      ? Array.from(value, (size) => (typeof size === 'number' ? size + 0 : -1))
      : [];
  } catch {
    return []; // a revoked proxy
  }
}

export function invalidShape(argument: string, tensor: Tensor, expected: string): InvalidArgumentError {
  return invalid('INVALID_SHAPE', argument, `shape [${tensor.shape.join(', ')}]`, expected);
}

/** Throws INVALID_SHAPE unless the tensor has just this shape. */
export function checkExactShape(argument: string, tensor: Tensor, expected: readonly number[]): void {
  const { shape } = tensor;
  let same = shape.length === expected.length;
  for (let i = 0; i < expected.length; i++) same &&= shape[i] === expected[i];
  if (!same) throw invalidShape(argument, tensor, `[${expected.join(', ')}]`);
}

/** Tokens in a [T, width] or [B, S, width] tensor; throws INVALID_SHAPE for other shapes. */
export function tokenCount(argument: string, tensor: Tensor): number {
  const { shape } = tensor;
  if (shape.length === 2) return shape[0];
  if (shape.length === 3) return shape[0] * shape[1];
  throw invalidShape(argument, tensor, '[tokens, width] or [batch, sequence, width]');
}

/** The size of a tensor's last dimension. */
export function width(tensor: Tensor): number {
  return tensor.shape[tensor.shape.length - 1];
}
