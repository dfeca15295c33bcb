/*
 * The routers' score functions to the last bit (docs/design/scores.md), two experts at a time. As in src/scores.ts,
 * which says the same, float64 does what it does exactly; the polynomial is in integers.
 */

/** The score functions, by their places in core's SCORING_FUNCS, in which sigmoid is 1 and none 3. */
export const SOFTMAX = 0;
const SQRTSOFTPLUS = 2;

/** log2(e) in units of 2^-32, in two parts: products of the first with a float32 are exact. */
const LOG2_E: f64 = 0xb8aa3b2 * 32.0;
const LOG2_E_REST: f64 = 0x95c17f0bc / 2147483648.0;
/** Adding 2^52 rounds to an integer, and leaves it in the lowest bits. */
const MAGIC: f64 = 4503599627370496.0;
/** 1 in units of 2^-31. */
const ONE: f64 = 2147483648.0;

/** Σ ⌊exp(value − max)⌋ in units of 2^-31, in both lanes, over whole pairs from `start` to `end`. */
export function sumExp(start: usize, end: usize, max: v128): v128 {
  let sum = f64x2.splat(0);
  for (let at = start; at < end; at += 8) {
    const sizes = f64x2.promote_low_f32x4(f32x4.sub(max, v128.load64_zero(at)));
    sum = f64x2.add(sum, f64x2.floor(expNeg(sizes)));
  }
  return f64x2.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
}

/** The scores of two logits; `max` and `sum` are for softmax. */
export function scoresOf(scoringFunc: i32, logits: v128, max: v128, sum: v128): v128 {
  if (scoringFunc > SQRTSOFTPLUS) return logits;
  let sizes = f64x2.promote_low_f32x4(scoringFunc == SOFTMAX ? f32x4.sub(max, logits) : f32x4.abs(logits));
  if (scoringFunc == SQRTSOFTPLUS) sizes = evenSteps(sizes);
  const e = expNeg(sizes);
  if (scoringFunc == SOFTMAX) return quotients(e, sum);
  const negative = i64x2.extend_low_i32x4_s(f32x4.lt(logits, f32x4.splat(0)));
  if (scoringFunc == SQRTSOFTPLUS) return roots(negative, sizes, e);
  const one = f64x2.splat(ONE);
  return quotients(v128.bitselect(e, one, negative), f64x2.add(one, f64x2.floor(e)));
}

/** exp(−size) of two sizes in units of 2^-31, with 32 significant bits; from 256 on something that all take for 0. */
// @ts-ignore: a decorator
@inline
function expNeg(sizes: v128): v128 {
  sizes = f64x2.pmin(f64x2.splat(256), sizes);
  const magic = f64x2.splat(MAGIC);
  const product = f64x2.mul(sizes, f64x2.splat(LOG2_E));
  const whole = f64x2.floor(product);
  const rest = f64x2.floor(f64x2.add(f64x2.sub(product, whole), f64x2.mul(sizes, f64x2.splat(LOG2_E_REST))));
  const t = f64x2.add(f64x2.add(whole, rest), magic);
  // 2^-t = 2^(g - n): the lower half is g, the upper one the exponent of 2^(31 - n) as a float64.
  const split = i64x2.sub(i64x2.splat(0x4330041e_00000000), t);
  const g = lowerHalves(split);
  // (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32.
  let h = i32x4.splat(89042);
  h = i32x4.add(i32x4.splat(627478), mulhi(h, g));
  h = i32x4.add(i32x4.splat(5750554), mulhi(h, g));
  h = i32x4.add(i32x4.splat(41301092), mulhi(h, g));
  h = i32x4.add(i32x4.splat(238389752), mulhi(h, g));
  h = i32x4.add(i32x4.splat(1031764901), mulhi(h, g));
  h = i32x4.add(i32x4.splat(<i32>2977044472), mulhi(h, g));
  // 31 bits of the last product follow the leading one.
  const bits = v128.and(i64x2.shr_u(i64x2.extmul_low_i32x4_u(h, g), 12), i64x2.splat(0xfffff_ffe00000));
  return v128.or(bits, i64x2.shl(i64x2.shr_u(split, 32), 52));
}

/** The upper halves of the products of the first two lanes. */
// @ts-ignore: a decorator
@inline
function mulhi(a: v128, b: v128): v128 {
  const product = i64x2.extmul_low_i32x4_u(a, b);
  return i8x16.shuffle(product, product, 4, 5, 6, 7, 12, 13, 14, 15, 4, 5, 6, 7, 12, 13, 14, 15);
}

// @ts-ignore: a decorator
@inline
function lowerHalves(value: v128): v128 {
  return i8x16.shuffle(value, value, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
}

/** Two quotients, each rounded to float32 once. */
function quotients(units: v128, sums: v128): v128 {
  const quotient = f64x2.div(units, sums);
  // Two roundings are one, unless the first ends halfway between two floats, which subnormal ones have elsewhere.
  const halfway = i64x2.eq(v128.and(quotient, i64x2.splat(0x1fffffff)), i64x2.splat(0x10000000));
  if (!v128.any_true(v128.or(halfway, f64x2.lt(quotient, f64x2.splat(f32.MIN_NORMAL_VALUE))))) {
    return f32x4.demote_f64x2_zero(quotient);
  }
  return f32x4(
    quotient32(f64x2.extract_lane(units, 0), f64x2.extract_lane(sums, 0)),
    quotient32(f64x2.extract_lane(units, 1), f64x2.extract_lane(sums, 1)),
    0,
    0,
  );
}

function quotient32(units: f64, sum: f64): f32 {
  const quotient = units / sum;
  const rounded = <f64>(<f32>quotient);
  const rest = quotient - rounded;
  const other = quotient + rest;
  if (rest == 0 || <f64>(<f32>other) != other) return <f32>rounded;
  const low = <f64>(<i64>sum & 0xffffff);
  const beyond = units - quotient * (sum - low) - quotient * low;
  if (beyond == 0) return <f32>rounded;
  return <f32>(beyond > 0 == other > rounded ? other : rounded);
}

/** Sizes below 2^-4 to multiples of 2^-28, and to 0 below that. */
function evenSteps(sizes: v128): v128 {
  const steps = f64x2.floor(f64x2.add(f64x2.mul(sizes, f64x2.splat(268435456)), f64x2.splat(0.5)));
  const even = v128.and(f64x2.mul(steps, f64x2.splat(1.0 / 268435456)), f64x2.ge(sizes, f64x2.splat(1.0 / 268435456)));
  return v128.bitselect(even, sizes, f64x2.lt(sizes, f64x2.splat(0.0625)));
}

/** Two times sqrt(ln(1 + exp(x))) from |x| and exp(−|x|). */
function roots(negative: v128, sizes: v128, e: v128): v128 {
  const t = lowerHalves(
    f64x2.add(f64x2.splat(MAGIC), f64x2.pmin(f64x2.splat(4294967295), f64x2.floor(f64x2.add(e, e)))),
  );
  // ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32.
  let h = i32x4.splat(8976566);
  h = i32x4.sub(i32x4.splat(58868918), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(180876845), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(357296383), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(535651859), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(692739555), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(854570521), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(1073236581), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(1431625776), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(2147482949), mulhi(h, t));
  h = i32x4.sub(i32x4.splat(<i32>4294967293), mulhi(h, t));
  // The square is m · scale in units of 2^-31, with a power of two: e's, or one that leaves room for the sum with x.
  const digits = lowerHalves(v128.or(i64x2.shr_u(e, 21), i64x2.splat(0x80000000)));
  const log = f64x2.convert_low_i32x4_u(mulhi(digits, h));
  const logScale = f64x2.mul(power(e), f64x2.splat(1 / ONE));
  const room = f64x2.pmax(f64x2.splat(1), f64x2.mul(power(sizes), f64x2.splat(2)));
  const sum = f64x2.add(
    f64x2.floor(f64x2.div(f64x2.mul(log, logScale), room)),
    f64x2.floor(f64x2.div(f64x2.mul(sizes, f64x2.splat(ONE)), room)),
  );
  let m = v128.bitselect(log, sum, negative);
  const scale = v128.bitselect(logScale, room, negative);
  // Devices have 32 bits for twice or four times the square.
  const even = f64x2.mul(f64x2.floor(f64x2.mul(m, f64x2.splat(0.5))), f64x2.splat(2));
  const evenScale = i64x2.shr_s(i64x2.shl(scale, 11), 63);
  m = v128.bitselect(even, m, v128.and(evenScale, f64x2.ge(m, f64x2.splat(ONE))));
  return f32x4.demote_f64x2_zero(f64x2.sqrt(f64x2.mul(f64x2.mul(m, scale), f64x2.splat(1 / ONE))));
}

/** The powers of two at or below two numbers. */
function power(numbers: v128): v128 {
  return v128.and(numbers, i64x2.splat(0x7ff00000_00000000));
}
