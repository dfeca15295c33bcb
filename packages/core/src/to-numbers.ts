import type { ArrayOf, DType } from './dtypes.js';
import { bfloat16ToFloat32, float16ToFloat32 } from './float-conversion.js';

/** Elements of a dtype as numbers. */
export function toNumbers(dtype: DType, elements: ArrayOf<DType>): number[] {
  const words = elements as Uint16Array;
  switch (dtype) {
    case 'float16':
      return Array.from(float16ToFloat32(words));
    case 'bfloat16':
      return Array.from(bfloat16ToFloat32(words));
    case 'float8_e5m2':
      // The upper half of a float16.
      return Array.from(float16ToFloat32(Uint16Array.from(words, (byte) => byte << 8)));
    case 'float8_e4m3fn':
      return Array.from(words, fromE4m3fn);
    default:
      return Array.from(elements as ArrayLike<number | bigint>, Number);
  }
}

/** Four bits of exponent, three of mantissa, no infinities: the largest code is NaN. */
function fromE4m3fn(byte: number): number {
  const sign = byte < 128 ? 1 : -1;
  const magnitude = byte & 127;
  if (magnitude === 127) return Number.NaN;
  const mantissa = magnitude & 7;
  const exponent = magnitude >> 3;
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10));
}
