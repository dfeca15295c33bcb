import { describe, InvalidArgumentError } from './errors.js';

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
export function float32ToBfloat16(
  values: Float32Array,
  target = new Uint16Array(values.length),
): Uint16Array {
  const bits = checkArrays(values, Float32Array, target, Uint16Array);
  for (let i = 0; i < bits.length; i++) target[i] = bfloat16FromBits(bits[i]);
  return target;
}

/** Rounds float32 values to float16 words. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float32ToFloat16(values: Float32Array, target = new Uint16Array(values.length)): Uint16Array {
  const bits = checkArrays(values, Float32Array, target, Uint16Array);
  for (let i = 0; i < bits.length; i++) target[i] = float16FromBits(bits[i]);
  return target;
}

/** Widens bfloat16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function bfloat16ToFloat32(words: Uint16Array, target = new Float32Array(words.length)): Float32Array {
  const bits = checkArrays(words, Uint16Array, target, Float32Array);
  for (let i = 0; i < words.length; i++) bits[i] = words[i] << 16;
  return target;
}

/** Widens float16 words, exactly. @throws InvalidArgumentError INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
export function float16ToFloat32(words: Uint16Array, target = new Float32Array(words.length)): Float32Array {
  const bits = checkArrays(words, Uint16Array, target, Float32Array);
  for (let i = 0; i < words.length; i++) bits[i] = bitsFromFloat16(words[i]);
  return target;
}

type Arrays = typeof Float32Array | typeof Uint16Array;

/** Checks both arrays; returns the bits of the float32 one. */
function checkArrays(source: unknown, Source: Arrays, target: unknown, Target: Arrays): Uint32Array {
  checkArray('values', source, Source);
  checkArray('target', target, Target);
  if (target.length < source.length) {
    throw new InvalidArgumentError('BUFFER_TOO_SMALL', {
      argument: 'target',
      found: `${target.length} elements`,
      expected: `at least ${source.length} elements`,
    });
  }
  const floats = source instanceof Float32Array ? source : target;
  return new Uint32Array(floats.buffer, floats.byteOffset, source.length);
}

function checkArray(
  argument: string,
  value: unknown,
  Kind: Arrays,
): asserts value is Float32Array | Uint16Array {
  if (value instanceof Kind) return;
  const expected = `a ${Kind.name}`;
  throw new InvalidArgumentError('INVALID_ARGUMENT', { argument, found: describe(value), expected });
}
