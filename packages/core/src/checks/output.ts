import { type Backend, checkLimit } from '../backend.js';
import { checkDType, DTYPES, type DType } from '../dtypes.js';
import { checkTensor, type Tensor } from '../tensor.js';
import { checkExactShape } from './shape.js';

/** A tensor for a result of shape [rows, columns], or [rows]. Codes: LIMIT_EXCEEDED, OUT_OF_MEMORY. */
export function newOutput<T extends Tensor>(
  backend: Backend<T>,
  argument: string,
  dtype: DType,
  rows: number,
  columns?: number,
): T {
  const shape = columns === undefined ? [rows] : [rows, columns];
  const byteLength = rows * (columns ?? 1) * DTYPES[dtype].bytes;
  checkLimit(argument, 'maxTensorBytes', byteLength, backend);
  return backend.allocate(shape, dtype, byteLength);
}

/** Gives the caller's tensor, after checking that it can take a result of shape [rows, columns], or [rows]. */
export function checkOutput<T extends Tensor>(
  backend: Backend<T>,
  argument: string,
  tensor: unknown,
  dtype: DType,
  rows: number,
  columns?: number,
): T {
  checkTensor(argument, tensor, backend as unknown as Backend);
  if (tensor.dtype !== dtype) checkDType(argument, tensor.dtype, [dtype]);
  checkExactShape(argument, tensor, rows, columns);
  return tensor as T;
}
