import { checkArrayType } from './dtypes.js';
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
  // Normal numbers: from 2^-14 on.
  if (magnitude >= 0x38800000)
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below half of the smallest subnormal, 2^-25, ties included.
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
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
  return round(values, target, bfloat16FromBits);
}

/** Rounds float32 values to float16 words. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float32ToFloat16(values: Float32Array, target?: Uint16Array): Uint16Array {
  return round(values, target, float16FromBits);
}

/** Widens bfloat16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function bfloat16ToFloat32(words: Uint16Array, target?: Float32Array): Float32Array {
  return widen(words, target, (word) => word << 16);
}

/** Widens float16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float16ToFloat32(words: Uint16Array, target?: Float32Array): Float32Array {
  return widen(words, target, bitsFromFloat16);
}

function round(values: Float32Array, target: Uint16Array | undefined, convert: Conversion): Uint16Array {
  checkArrayType('values', values, 'float32');
  const words = target ?? new Uint16Array(values.length);
  checkArrayType('target', words, 'bfloat16');
  checkLength(words, values.length);
  const bits = bitsOf(values, values.length);
  for (let i = 0; i < bits.length; i++) words[i] = convert(bits[i]);
  return words;
}

function widen(words: Uint16Array, target: Float32Array | undefined, convert: Conversion): Float32Array {
  checkArrayType('words', words, 'bfloat16');
  const values = target ?? new Float32Array(words.length);
  checkArrayType('target', values, 'float32');
  checkLength(values, words.length);
  const bits = bitsOf(values, words.length);
  for (let i = 0; i < bits.length; i++) bits[i] = convert(words[i]);
  return values;
}

type Conversion = (bits: number) => number;

function bitsOf(values: Float32Array, length: number): Uint32Array {
  return length === 0 ? new Uint32Array(0) : new Uint32Array(values.buffer, values.byteOffset, length);
}

function checkLength(target: Float32Array | Uint16Array, length: number): void {
  if (target.length >= length) return;
  throw invalid('BUFFER_TOO_SMALL', 'target', `${target.length} elements`, `at least ${length} elements`);
}
