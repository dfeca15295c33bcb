/* The float dtypes, by their places in core's FLOAT_DTYPES, and float32. Elements are taken four at a time, the last with what follows. */
export const FLOAT32 = 0;
const FLOAT16 = 1;

// @ts-ignore: a decorator
@inline
export function elementBytes(dtype: i32): usize {
  return dtype == FLOAT32 ? 4 : 2;
}

/** Where `count` elements are as float32: where they were, or in `workspace`. */
export function widen(from: usize, count: i32, dtype: i32, workspace: usize): usize {
  if (dtype == FLOAT32) return from;
  let to = workspace;
  const end = to + ((<usize>count) << 2);
  for (; to < end; to += 16) {
    const words = v128.load16x4_u(from);
    let value = i32x4.shl(words, 16);
    if (dtype == FLOAT16) {
      const magnitude = i32x4.shl(v128.and(words, i32x4.splat(0x7fff)), 13);
      const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x0f7fffff)), i32x4.splat(0x7f800000));
      // The exponents differ by 112, also where a subnormal becomes normal; infinite ones and NaN keep all ones.
      const number = v128.or(f32x4.mul(magnitude, i32x4.splat(0x77800000)), special);
      value = v128.bitselect(value, number, i32x4.splat(0x80000000));
    }
    v128.store(to, value);
    from += 8;
  }
  return workspace;
}

/** Rounds float32 to the dtype, with up to three elements more. */
export function narrow(from: usize, count: i32, dtype: i32, to: usize): void {
  const end = from + ((<usize>count) << 2);
  for (; from < end; from += 16) {
    const value = v128.load(from);
    if (dtype == FLOAT32) {
      v128.store(to, value);
      to += 16;
    } else {
      const words = dtype == FLOAT16 ? float16(value) : bfloat16(value);
      v128.store64_lane(to, i16x8.narrow_i32x4_u(words, words), 0);
      to += 8;
    }
  }
}

function bfloat16(value: v128): v128 {
  const odd = v128.and(i32x4.shr_u(value, 16), i32x4.splat(1));
  const rounded = i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), odd);
  return i32x4.shr_u(v128.bitselect(rounded, i32x4.splat(0x7fc00000), f32x4.eq(value, value)), 16);
}

function float16(value: v128): v128 {
  const magnitude = v128.and(value, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xc8000fff)), odd), 13);
  // Next to 1/2, the last bit of a float32 is that of a subnormal float16.
  const tiny = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), f32x4.splat(0.5));
  const finite = v128.bitselect(tiny, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  const infinite = v128.or(i32x4.splat(0x7c00), v128.and(f32x4.ne(value, value), i32x4.splat(0x200)));
  const word = v128.bitselect(infinite, finite, i32x4.gt_s(magnitude, i32x4.splat(0x477fefff)));
  return v128.bitselect(i32x4.shr_u(value, 16), word, i32x4.splat(0x8000));
}
