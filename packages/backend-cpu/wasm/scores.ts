/*
 * The routers' score functions to the last bit (docs/design/scores.md), four experts at a time. As in src/scores.ts,
 * which says the same, float64 does what it does exactly; the polynomial is in integers.
 */

/** The score functions, by their place in core's SCORING_FUNCS. */
export const SOFTMAX = 0;
const SIGMOID = 1;
export const SQRTSOFTPLUS = 2;

/** log2(e) in units of 2^-32, in two parts: products of the first with a float32 are exact. */
const LOG2_E: f64 = 0xb8aa3b2 * 32.0;
const LOG2_E_REST: f64 = 0x95c17f0bc / 2147483648.0;
/** Adding 2^52 rounds to an integer, and leaves it in the lowest bits. */
const MAGIC: f64 = 4503599627370496.0;
/** 1 in units of 2^-31. */
const ONE: f64 = 2147483648.0;

/** Σ ⌊exp(value − max)⌋ in units of 2^-31, in both lanes, over whole vectors from `start` to `end`. */
export function sumExp(start: usize, end: usize, max: v128): v128 {
  let sum = f64x2.splat(0);
  for (let at = start; at < end; at += 16) {
    const sizes = sizesOf(f32x4.sub(max, v128.load(at)));
    const low = expNeg(lowPair(sizes));
    const high = expNeg(highPair(sizes));
    sum = f64x2.add(sum, f64x2.add(f64x2.floor(low), f64x2.floor(high)));
  }
  return f64x2.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
}

/** The scores of four logits; `max` and `sum` are for softmax. */
export function scoresOf(scoringFunc: i32, logits: v128, max: v128, sum: v128): v128 {
  if (scoringFunc > SIGMOID) return logits;
  const softmax = scoringFunc == SOFTMAX;
  const sizes = sizesOf(softmax ? f32x4.sub(max, logits) : f32x4.abs(logits));
  const low = expNeg(lowPair(sizes));
  const high = expNeg(highPair(sizes));
  if (softmax) return quotients(low, high, sum, sum);
  const one = f64x2.splat(ONE);
  const negative = f32x4.lt(logits, f32x4.splat(0));
  return quotients(
    v128.bitselect(low, one, i64x2.extend_low_i32x4_s(negative)),
    v128.bitselect(high, one, i64x2.extend_high_i32x4_s(negative)),
    f64x2.add(one, f64x2.floor(low)),
    f64x2.add(one, f64x2.floor(high)),
  );
}

/** From 256 on, exp(−size) is less than any score function tells from 0. */
function sizesOf(sizes: v128): v128 {
  return f32x4.pmin(f32x4.splat(256), sizes);
}

function lowPair(floats: v128): v128 {
  return f64x2.promote_low_f32x4(floats);
}

function highPair(floats: v128): v128 {
  return f64x2.promote_low_f32x4(i8x16.shuffle(floats, floats, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
}

/** exp(−size) of two sizes up to 256, in units of 2^-31, with 32 significant bits. */
// @ts-ignore: a decorator
@inline
function expNeg(sizes: v128): v128 {
  const magic = f64x2.splat(MAGIC);
  const product = f64x2.mul(sizes, f64x2.splat(LOG2_E));
  const whole = f64x2.floor(product);
  const rest = f64x2.floor(f64x2.add(f64x2.sub(product, whole), f64x2.mul(sizes, f64x2.splat(LOG2_E_REST))));
  const t = f64x2.add(f64x2.add(whole, rest), magic);
  // 2^-t = 2^(g - n): the lower half is g, the upper one the exponent of 2^(31 - n) as a float64.
  const split = i64x2.sub(i64x2.splat(0x4330041e_00000000), t);
  const g = i8x16.shuffle(split, split, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
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

/** Four quotients, each rounded to float32 once. */
function quotients(low: v128, high: v128, lowSum: v128, highSum: v128): v128 {
  const lowQuotient = f64x2.div(low, lowSum);
  const highQuotient = f64x2.div(high, highSum);
  const rounded = i8x16.shuffle(
    f32x4.demote_f64x2_zero(lowQuotient),
    f32x4.demote_f64x2_zero(highQuotient),
    0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23,
  );
  // Two roundings are one, unless the first ends halfway between two floats, which subnormal ones have elsewhere.
  const words = i8x16.shuffle(lowQuotient, highQuotient, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const halfway = i32x4.eq(v128.and(words, i32x4.splat(0x1fffffff)), i32x4.splat(0x10000000));
  if (!v128.any_true(v128.or(halfway, f32x4.le(rounded, f32x4.splat(f32.MIN_NORMAL_VALUE))))) return rounded;
  return f32x4(
    quotient32(f64x2.extract_lane(low, 0), f64x2.extract_lane(lowSum, 0)),
    quotient32(f64x2.extract_lane(low, 1), f64x2.extract_lane(lowSum, 1)),
    quotient32(f64x2.extract_lane(high, 0), f64x2.extract_lane(highSum, 0)),
    quotient32(f64x2.extract_lane(high, 1), f64x2.extract_lane(highSum, 1)),
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
