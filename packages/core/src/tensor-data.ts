import { checkShape, elementCount } from './checks/shape.js';
import { isArray } from './checks/values.js';
import {
  type ArrayOf,
  checkArrayType,
  checkDType,
  DTYPES,
  type DType,
  dtypeOfArray,
  tagOf,
  viewOf,
} from './dtypes.js';
import { describe, invalid } from './errors.js';
import { float32ToBfloat16, float32ToFloat16 } from './float-conversion.js';

/** Numbers, nested as deeply as the tensor has dimensions, or flat. */
export type NumberArray = readonly number[] | readonly NumberArray[];

/** A `Float16Array`, if the engine has it. */
type HalfArray = ArrayBufferView & { readonly [Symbol.toStringTag]: 'Float16Array' };

interface ArrayInputs {
  float32: Float32Array;
  float16: Uint16Array | HalfArray | Float32Array;
  bfloat16: Uint16Array | Float32Array;
  int32: Int32Array;
  int64: BigInt64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  float8_e4m3fn: Uint8Array;
  float8_e5m2: Uint8Array;
}

/** What `backend.tensor` takes for a dtype. */
export type DataOf<D extends DType> = ArrayInputs[D] | NumberArray;

/** The typed arrays that imply their dtype. A `Uint16Array` may hold float16 or bfloat16. */
export type InferableArray = Float32Array | HalfArray | Int32Array | BigInt64Array | Int8Array | Uint8Array;

/** The dtype that a typed array implies. */
export type DTypeOf<A extends InferableArray> = A extends Float32Array
  ? 'float32'
  : A extends HalfArray
    ? 'float16'
    : A extends Int32Array
      ? 'int32'
      : A extends BigInt64Array
        ? 'int64'
        : A extends Int8Array
          ? 'int8'
          : 'uint8';

const SIGNATURE = 'as in tensor(data, shape, dtype)';

/** The arguments of `backend.tensor`, checked, with the data as the dtype's own array. */
export function readTensorData(
  data: unknown,
  shape: unknown,
  dtype: unknown,
  supported: readonly DType[],
): { shape: number[]; dtype: DType; elements: ArrayOf<DType> } {
  const nested = isArray(data) ? readNumbers(data) : undefined;
  const type = dtype ?? (nested ? 'float32' : dtypeOfArray(data));
  checkDType('dtype', type, supported, SIGNATURE);
  const sizes = checkShape('shape', shape ?? nested?.shape, SIGNATURE);
  const elements = nested ? fromNumbers(nested.numbers, type) : fromTypedArray(data, type);
  const expected = elementCount(sizes);
  if (elements.length === expected) return { shape: sizes, dtype: type, elements };
  throw invalid('INVALID_SHAPE', 'data', `${elements.length} elements`, `${expected}, as the shape says`);
}

/** The same memory; float32 values are rounded if the dtype has 16 bits. */
function fromTypedArray(data: unknown, dtype: DType): ArrayOf<DType> {
  if (tagOf(data) === 'Float32Array') {
    if (dtype === 'float16') return float32ToFloat16(data as Float32Array) as ArrayOf<DType>;
    if (dtype === 'bfloat16') return float32ToBfloat16(data as Float32Array) as ArrayOf<DType>;
  }
  checkArrayType('data', data, dtype);
  const { ArrayType, bytes } = DTYPES[dtype];
  const { buffer, byteOffset, byteLength } = viewOf(data as ArrayBufferView);
  // An empty array can have lost its memory.
  return byteLength === 0 ? new ArrayType(0) : new ArrayType(buffer, byteOffset, byteLength / bytes);
}

/** The numbers of nested arrays in order, and the shape of the nesting. */
function readNumbers(data: unknown[]): { numbers: number[]; shape: number[] } {
  const shape: number[] = [];
  let level: unknown[] = [data];
  while (level.length > 0 && level.every(isArray)) {
    const rows = level.map((row) => Array.from(row));
    const size = rows[0].length;
    const odd = rows.find(({ length }) => length !== size);
    if (odd) throw invalidData(`rows of ${size} and of ${odd.length} elements`, 'rows of one length');
    shape.push(size);
    level = rows.flat();
  }
  const wrong = level.findIndex((value) => typeof value !== 'number');
  if (wrong < 0) return { numbers: level as number[], shape };
  throw invalidData(`${describe(level[wrong])} in an array`, 'numbers, or arrays of numbers');
}

function invalidData(found: string, expected: string): Error {
  return invalid('INVALID_ARGUMENT', 'data', found, expected);
}

/** Rounds to floats; refuses what an integer type does not hold. */
function fromNumbers(numbers: readonly number[], dtype: DType): ArrayOf<DType> {
  if (dtype === 'float32') return Float32Array.from(numbers);
  if (dtype === 'float16' || dtype === 'bfloat16') return fromTypedArray(Float32Array.from(numbers), dtype);
  const { ArrayType, bytes } = DTYPES[dtype];
  if (dtype.startsWith('float8')) checkArrayType('data', numbers, dtype);
  const elements = new ArrayType(numbers.length) as Int32Array<ArrayBuffer>;
  const wrong = numbers.find((value, i) => {
    // Beyond the safe integers a number may stand for its neighbours.
    elements[i] = (bytes === 8 ? BigInt(Number.isSafeInteger(value) ? value : 0) : value) as number;
    return Number(elements[i]) !== value;
  });
  if (wrong === undefined) return elements;
  throw invalidData(describe(wrong), `integers of ${dtype}`);
}
