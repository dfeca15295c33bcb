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
      // Where a float16 has them, sign, exponent and mantissa make the 256th part. There are no infinities: 480 is NaN.
      return Array.from(
        float16ToFloat32(Uint16Array.from(words, (byte) => ((byte & 128) << 8) | ((byte & 127) << 7))),
        (value) => (Math.abs(value) < 480 / 256 ? 256 * value : Number.NaN),
      );
    default:
      return Array.from(elements as ArrayLike<number | bigint>, Number);
  }
}
