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

/** Throws unless the caller's tensor can take a result of shape [rows, columns], or [rows]. */
export function checkOutput(
  backend: Backend,
  argument: string,
  tensor: unknown,
  dtype: DType,
  rows: number,
  columns?: number,
): asserts tensor is Tensor {
  checkTensor(argument, tensor, backend);
  if (tensor.dtype !== dtype) checkDType(argument, tensor.dtype, [dtype]);
  checkExactShape(argument, tensor, rows, columns);
}
