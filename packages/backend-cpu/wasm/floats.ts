/* The float dtypes, by their places in core's FLOAT_DTYPES, and float32. Elements are taken four at a time, the last with what follows. */
import * as C from './constants';
import { lanes } from './constants';

export const FLOAT32 = 0;
const FLOAT16 = 1;

// @ts-ignore: a decorator
@inline
export function elementBytes(dtype: i32): usize {
  return dtype == FLOAT32 ? 4 : 2;
}

/** Four elements as float32. */
// @ts-ignore: a decorator
@inline
export function load4(from: usize, dtype: i32): v128 {
  if (dtype == FLOAT32) return v128.load(from);
  const extended = v128.load16x4_s(from);
  if (dtype != FLOAT16) return i32x4.shl(extended, 16);
  // Exponents differ by 112, also where a subnormal becomes normal; those of infinities and NaN are all ones.
  const value = f32x4.mul(v128.and(i32x4.shl(extended, 13), lanes(C.DIGITS16)), lanes(C.UNIT16));
  const special = f32x4.ge(v128.and(value, lanes(C.MAGNITUDE)), lanes(C.LARGE16));
  return v128.or(value, v128.and(special, lanes(C.INFINITE)));
}

/** Where `count` elements are as float32: where they were, or in `workspace`. */
export function widen(from: usize, count: i32, dtype: i32, workspace: usize): usize {
  if (dtype == FLOAT32) return from;
  let to = workspace;
  for (const end = to + ((<usize>count) << 2); to < end; to += 16) {
    v128.store(to, load4(from, dtype));
    from += 8;
  }
  return workspace;
}

/** Rounds float32 elements to the dtype, where they are. */
export function narrow(from: usize, count: i32, dtype: i32): void {
  if (dtype == FLOAT32) return;
  let to = from;
  const end = from + ((<usize>count) << 2);
  for (; from < end; from += 16) {
    const value = v128.load(from);
    const words = dtype == FLOAT16 ? float16(value) : bfloat16(value);
    v128.store64_lane(to, i16x8.narrow_i32x4_u(words, words), 0);
    to += 8;
  }
}

function bfloat16(value: v128): v128 {
  const odd = v128.and(i32x4.shr_u(value, 16), lanes(C.ONE32));
  const rounded = i32x4.add(i32x4.add(value, lanes(C.BELOW_HALF16)), odd);
  return i32x4.shr_u(v128.bitselect(rounded, lanes(C.QUIET), f32x4.eq(value, value)), 16);
}

function float16(value: v128): v128 {
  const magnitude = v128.and(value, lanes(C.MAGNITUDE));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), lanes(C.ONE32));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, lanes(C.REBIASED16)), odd), 13);
  // Next to 1/2, the last bit of a float32 is that of a subnormal float16.
  const tiny = i32x4.sub(f32x4.add(magnitude, lanes(C.HALF)), lanes(C.HALF));
  const finite = v128.bitselect(tiny, normal, i32x4.lt_s(magnitude, lanes(C.LEAST16)));
  const infinite = v128.or(lanes(C.INFINITE16), v128.and(f32x4.ne(value, value), lanes(C.QUIET16)));
  const word = v128.bitselect(infinite, finite, i32x4.gt_s(magnitude, lanes(C.MOST16)));
  return v128.bitselect(i32x4.shr_u(value, 16), word, lanes(C.SIGN16));
}
