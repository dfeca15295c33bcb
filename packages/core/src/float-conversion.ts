import { type ArrayOf, checkArrayType, DTYPES } from './dtypes.js';
import { invalid } from './errors.js';

/*
 * Conversions between float32 and the 16-bit types, on bits throughout: an engine may change a NaN's payload, or
 * flush a subnormal, when it loads one as a number. Rounding is to nearest, ties to even.
 */

/** float32 bits → bfloat16 bits. A NaN stays a NaN and keeps the top of its payload. */
export function bfloat16FromBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  // As an int32, which engines add faster than a number that may exceed it.
  return (((bits | 0) + 0x7fff + ((bits >>> 16) & 1)) | 0) >>> 16;
}

/** float32 bits → float16 bits. A NaN stays a NaN and keeps the top of its payload. */
export function float16FromBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 65520 and above lies nearer to 2^16, which is infinity, or ties with it to even.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // From 2^-14 on a number is normal. From shifts of 25 on, nothing is left of a smaller one.
  const normal = magnitude >= 0x38800000;
  const shift = normal ? 13 : Math.min(126 - (magnitude >>> 23), 25);
  const value = normal ? magnitude - 0x38000000 : (magnitude & 0x7fffff) | 0x800000;
  return sign | ((value + (1 << (shift - 1)) - 1 + ((value >>> shift) & 1)) >>> shift);
}

/** float16 bits → float32 bits, exact. */
export function bitsFromFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  const leadingZeros = Math.clz32(mantissa) - 21;
  return (sign | ((113 - leadingZeros) << 23) | (((mantissa << leadingZeros) & 0x3ff) << 13)) >>> 0;
}

/** Rounds float32 values to bfloat16 words. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float32ToBfloat16(values: Float32Array, target?: Uint16Array): Uint16Array {
  return convert('values', values, 'float32', target, 'bfloat16', bfloat16FromBits);
}

/** Rounds float32 values to float16 words. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float32ToFloat16(values: Float32Array, target?: Uint16Array): Uint16Array {
  return convert('values', values, 'float32', target, 'bfloat16', float16FromBits);
}

/** Widens bfloat16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function bfloat16ToFloat32(words: Uint16Array, target?: Float32Array): Float32Array {
  return convert('words', words, 'bfloat16', target, 'float32', (word) => word << 16);
}

/** Widens float16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float16ToFloat32(words: Uint16Array, target?: Float32Array): Float32Array {
  return convert('words', words, 'bfloat16', target, 'float32', bitsFromFloat16);
}

/** Words are of no particular 16-bit type here: the array is the same. */
type Kind = 'float32' | 'bfloat16';

function convert<To extends Kind>(
  argument: string,
  source: Float32Array | Uint16Array,
  from: Kind,
  target: Float32Array | Uint16Array | undefined,
  to: To,
  each: (bits: number) => number,
): ArrayOf<To> {
  checkArrayType(argument, source, from);
  const { length } = source;
  const result = target ?? new DTYPES[to].ArrayType(length);
  checkArrayType('target', result, to);
  if (result.length < length) {
    throw invalid('BUFFER_TOO_SMALL', 'target', `${result.length} elements`, `at least ${length} elements`);
  }
  const read = bitsOf(source, length);
  const write = bitsOf(result, length);
  for (let i = 0; i < length; i++) write[i] = each(read[i]);
  return result as ArrayOf<To>;
}

/** The words, or the float32 values' bits. An empty array can have lost its memory. */
function bitsOf(array: Float32Array | Uint16Array, length: number): Float32Array | Uint16Array | Uint32Array {
  if (length === 0 || array.BYTES_PER_ELEMENT === 2) return array;
  return new Uint32Array(array.buffer, array.byteOffset, length);
}
