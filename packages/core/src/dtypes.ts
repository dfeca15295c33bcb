import { describe, invalid, invalidArgument } from './errors.js';

/**
 * Element types. `float16` and `bfloat16` travel as raw 16-bit words, the float8 types as raw bytes.
 * Arithmetic (moeReduce) takes the first three; every type can be moved.
 */
export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int32'
  | 'int64'
  | 'int8'
  | 'uint8'
  | 'float8_e4m3fn'
  | 'float8_e5m2';

/** The dtypes that moeReduce computes with. */
export type FloatDType = 'float32' | 'float16' | 'bfloat16';

interface ArrayTypes {
  float32: Float32Array<ArrayBuffer>;
  float16: Uint16Array<ArrayBuffer>;
  bfloat16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  float8_e4m3fn: Uint8Array<ArrayBuffer>;
  float8_e5m2: Uint8Array<ArrayBuffer>;
}

/** The typed array in which elements of a dtype are read and written. */
export type ArrayOf<D extends DType> = ArrayTypes[D];

type ArrayConstructor<A> = {
  readonly name: string;
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): A;
};

/** How elements of a dtype lie in memory. */
export interface DTypeInfo<D extends DType = DType> {
  /** Bytes of one element. */
  readonly bytes: 1 | 2 | 4 | 8;
  /** The typed array that holds them; 16-bit floats are raw words, 8-bit floats raw bytes. */
  readonly ArrayType: ArrayConstructor<ArrayOf<D>>;
}

/** Size in bytes and typed array of every dtype. */
export const DTYPES: { readonly [D in DType]: DTypeInfo<D> } = {
  float32: heldBy(Float32Array),
  float16: heldBy(Uint16Array),
  bfloat16: heldBy(Uint16Array),
  int32: heldBy(Int32Array),
  int64: heldBy(BigInt64Array),
  int8: heldBy(Int8Array),
  uint8: heldBy(Uint8Array),
  float8_e4m3fn: heldBy(Uint8Array),
  float8_e5m2: heldBy(Uint8Array),
};

function heldBy<A extends { readonly BYTES_PER_ELEMENT: number }>(ArrayType: A) {
  return { bytes: ArrayType.BYTES_PER_ELEMENT as DTypeInfo['bytes'], ArrayType };
}

/** The dtypes of {@link FloatDType}. */
export const FLOAT_DTYPES: readonly FloatDType[] = ['float32', 'float16', 'bfloat16'];

/** Throws UNSUPPORTED_DTYPE unless `dtype` is one of `supported`. */
export function checkDType(
  argument: string,
  dtype: unknown,
  supported: readonly DType[],
  note?: string,
): asserts dtype is DType {
  if ((supported as readonly unknown[]).includes(dtype)) return;
  const expected = supported.length === 1 ? supported[0] : `one of ${supported.join(', ')}`;
  throw invalid('UNSUPPORTED_DTYPE', argument, describe(dtype), note ? `${expected}, ${note}` : expected);
}

/** The engine's own getters: subclasses and own properties cannot change what they say. */
const ENGINE: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(
  Object.getPrototypeOf(Uint8Array.prototype),
);

/** The engine's own name for a typed array, of any realm; undefined for everything else. */
export function tagOf(value: unknown): string | undefined {
  return ENGINE[Symbol.toStringTag].get!.call(value);
}

/** Where a typed array's elements are, whatever the object says of itself. */
export function viewOf(array: ArrayBufferView): {
  buffer: ArrayBufferLike;
  byteOffset: number;
  byteLength: number;
} {
  return {
    buffer: ENGINE.buffer.get!.call(array),
    byteOffset: ENGINE.byteOffset.get!.call(array),
    byteLength: ENGINE.byteLength.get!.call(array),
  };
}

/** Throws INVALID_ARGUMENT unless `value` is the typed array of `dtype`, or a `Float16Array` for float16. */
export function checkArrayType(
  argument: string,
  value: unknown,
  dtype: DType,
): asserts value is ArrayBufferView {
  const { name } = DTYPES[dtype].ArrayType;
  const kind = tagOf(value);
  if (kind === name || (dtype === 'float16' && kind === 'Float16Array')) return;
  const words = name === 'Uint16Array' ? ' of raw words' : '';
  throw invalidArgument(argument, value, `a ${name} for ${dtype}${words}`);
}

/** The dtype that a typed array implies, or undefined if it could be several, or is none. */
export function dtypeOfArray(value: unknown): DType | undefined {
  const tag = tagOf(value);
  if (tag === 'Float16Array') return 'float16';
  // The first of those that share an array is the array's own; raw words tell nothing.
  if (tag === 'Uint16Array') return undefined;
  return (Object.keys(DTYPES) as DType[]).find((dtype) => DTYPES[dtype].ArrayType.name === tag);
}
