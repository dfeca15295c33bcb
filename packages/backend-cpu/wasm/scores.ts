/*
 * The routers' score functions to the last bit (docs/design/scores.md). As in src/scores.ts, which says the same, float64
 * does what it does exactly; the polynomials are in integers.
 */

/** The score functions, by their places in core's SCORING_FUNCS, in which sigmoid is 1. */
export const SOFTMAX = 0;
const SQRTSOFTPLUS = 2;
export const NONE = 3;

/** log2(e) in units of 2^-32, in two parts: products of the first with a float32 are exact. */
const LOG2_E: f64 = 0xb8aa3b2 * 32.0;
const LOG2_E_REST: f64 = 0x95c17f0bc / 2147483648.0;
/** Adding 2^52 rounds to an integer, and leaves it in the lowest bits. */
const MAGIC: f64 = 4503599627370496.0;
/** Adding 2^76 rounds to a multiple of 2^24. */
const UNIT_24: f64 = 75557863725914323419136.0;
/** 1 in units of 2^-31. */
export const ONE: f64 = 2147483648.0;

/** Where src/scores.ts's COEFFICIENTS are, which SimdRouter puts there. */
const EXP: usize = 0;
const LOG: usize = 28;
const LOG_END: usize = 72;

/**
 * Puts exp(−size) of `count` logits into `terms`, as float64 in units of 2^-31 and with 32 significant bits; sizes are
 * what a score function makes of logits. From 256 on it is something that all take for 0. Both row and terms are taken
 * in whole vectors.
 * @returns Σ ⌊term⌋ in both lanes.
 */
export function findTerms(scoringFunc: i32, logits: usize, count: i32, max: v128, terms: usize): v128 {
  let sum = f64x2.splat(0);
  const end = logits + ((<usize>count) << 2);
  for (; logits < end; logits += 16) {
    const logit = v128.load(logits);
    let sizes = scoringFunc == SOFTMAX ? f32x4.sub(max, logit) : f32x4.abs(logit);
    if (scoringFunc == SQRTSOFTPLUS) sizes = evenSteps(sizes);
    sizes = f32x4.pmin(f32x4.splat(256), sizes);
    const low = split(f64x2.promote_low_f32x4(sizes));
    const high = split(f64x2.promote_low_f32x4(swapHalves(sizes)));
    const g = lowerHalves(low, high);
    const h = polynomial(EXP, LOG, g, false);
    const lowTerms = join(i64x2.extmul_low_i32x4_u(h, g), low);
    const highTerms = join(i64x2.extmul_high_i32x4_u(h, g), high);
    v128.store(terms, lowTerms);
    v128.store(terms, highTerms, 16);
    sum = f64x2.add(sum, f64x2.add(f64x2.floor(lowTerms), f64x2.floor(highTerms)));
    terms += 32;
  }
  return f64x2.add(sum, swapHalves(sum));
}

/** The scores of `count` logits with their terms, in whole pairs; `sum` is for softmax. */
export function findScores(scoringFunc: i32, logits: usize, count: i32, terms: usize, sum: v128, scores: usize): void {
  const one = f64x2.splat(ONE);
  const end = logits + ((<usize>count) << 2);
  for (; logits < end; logits += 8) {
    const logit = v128.load64_zero(logits);
    let score = logit;
    if (scoringFunc != NONE) {
      const term = v128.load(terms);
      const negative = i64x2.extend_low_i32x4_s(f32x4.lt(logit, f32x4.splat(0)));
      if (scoringFunc == SOFTMAX) score = quotients(term, sum);
      else if (scoringFunc == SQRTSOFTPLUS) score = roots(logit, negative, term);
      else score = quotients(v128.bitselect(term, one, negative), f64x2.add(one, f64x2.floor(term)));
    }
    v128.store64_lane(scores, score, 0);
    terms += 16;
    scores += 8;
  }
}

/** With 2^-t = 2^(g - n): lower halves are g in units of 2^-32, upper ones the exponent of 2^(31 - n) as a float64. */
// @ts-ignore: a decorator
@inline
function split(sizes: v128): v128 {
  // Where src/scores.ts rounds down, half a unit less is rounded to nearest: the same for every float32, and faster.
  const magic = f64x2.splat(MAGIC);
  const product = f64x2.mul(sizes, f64x2.splat(LOG2_E));
  const whole = f64x2.add(product, magic);
  const rest = f64x2.sub(f64x2.mul(sizes, f64x2.splat(LOG2_E_REST)), f64x2.splat(0.5));
  const t = f64x2.add(whole, f64x2.add(f64x2.sub(product, f64x2.sub(whole, magic)), rest));
  return i64x2.sub(i64x2.splat(0x4330041e_00000000), t);
}

/** A float64 of that exponent, whose leading one is followed by 31 bits of a product. */
// @ts-ignore: a decorator
@inline
function join(product: v128, split: v128): v128 {
  const bits = v128.and(i64x2.shr_u(product, 12), i64x2.splat(0xfffff_ffe00000));
  return v128.or(bits, i64x2.shl(i64x2.shr_u(split, 32), 52));
}

// @ts-ignore: a decorator
@inline
function swapHalves(value: v128): v128 {
  return i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}

/** The upper halves of the products of unsigned lanes. */
// @ts-ignore: a decorator
@inline
function mulhi(a: v128, b: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(a, b);
  const high = i64x2.extmul_high_i32x4_u(a, b);
  return i8x16.shuffle(low, high, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/** A polynomial of x, or of -x, by its coefficients from the highest on. */
// @ts-ignore: a decorator
@inline
function polynomial(coefficient: usize, end: usize, x: v128, negative: bool): v128 {
  let h = v128.load32_splat(coefficient);
  while ((coefficient += 4) < end) {
    const next = v128.load32_splat(coefficient);
    h = negative ? i32x4.sub(next, mulhi(h, x)) : i32x4.add(next, mulhi(h, x));
  }
  return h;
}

/** Two quotients, each rounded to float32 once. */
function quotients(units: v128, sums: v128): v128 {
  const quotient = f64x2.div(units, sums);
  // Two roundings are one, unless the first ends halfway between two floats: then the rest says to which side to go.
  const other = f64x2.sub(f64x2.add(quotient, quotient), rounded(quotient));
  const halfway = f64x2.eq(rounded(other), other);
  const high = f64x2.sub(f64x2.add(sums, f64x2.splat(UNIT_24)), f64x2.splat(UNIT_24));
  const rest = f64x2.sub(
    f64x2.sub(units, f64x2.mul(quotient, high)),
    f64x2.mul(quotient, f64x2.sub(sums, high)),
  );
  const up = v128.and(halfway, f64x2.gt(rest, f64x2.splat(0)));
  const down = v128.and(halfway, f64x2.lt(rest, f64x2.splat(0)));
  return f32x4.demote_f64x2_zero(i64x2.add(i64x2.sub(quotient, up), down));
}

function rounded(values: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(values));
}

/** Sizes below 2^-5 to multiples of 2^-28, which those up to 2^-4 are, and to 0 below that. */
function evenSteps(sizes: v128): v128 {
  const steps = f32x4.mul(sizes, f32x4.splat(268435456));
  const whole = f32x4.floor(f32x4.add(steps, f32x4.splat(0.5)));
  const even = f32x4.mul(whole, f32x4.splat(1.0 / 268435456));
  const kept = v128.and(even, f32x4.ge(steps, f32x4.splat(1)));
  return v128.bitselect(kept, sizes, f32x4.lt(sizes, f32x4.splat(0.03125)));
}

/** Two times sqrt(ln(1 + exp(x))); e is exp(−|x|). */
function roots(x: v128, negative: v128, e: v128): v128 {
  const sizes = f64x2.promote_low_f32x4(evenSteps(f32x4.abs(x)));
  const t = i32x4.trunc_sat_f64x2_u_zero(f64x2.add(e, e));
  const h = polynomial(LOG, LOG_END, t, true);
  // The square is m · scale in units of 2^-31, with a power of two: e's, or one that leaves room for the sum with x.
  const digits = lowerHalves(v128.or(i64x2.shr_u(e, 21), i64x2.splat(0x80000000)), e);
  const log = f64x2.convert_low_i32x4_u(mulhi(digits, h));
  const logScale = f64x2.mul(power(e), f64x2.splat(1 / ONE));
  const room = f64x2.pmax(f64x2.splat(1), f64x2.mul(power(sizes), f64x2.splat(2)));
  const scale = v128.bitselect(logScale, room, negative);
  const positive = v128.andnot(sizes, negative);
  const m = f64x2.add(
    f64x2.floor(f64x2.div(f64x2.mul(log, logScale), scale)),
    f64x2.floor(f64x2.div(f64x2.mul(positive, f64x2.splat(ONE)), scale)),
  );
  // Devices have 32 bits for twice or four times the square: of 32 bits of m, the last goes where the scale is even.
  const last = v128.and(i64x2.shr_u(scale, 31), i64x2.splat(0x200000));
  const square = f64x2.mul(v128.andnot(m, v128.and(last, f64x2.ge(m, f64x2.splat(ONE)))), scale);
  return f32x4.demote_f64x2_zero(f64x2.sqrt(f64x2.mul(square, f64x2.splat(1 / ONE))));
}

// @ts-ignore: a decorator
@inline
function lowerHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}

/** The powers of two at or below two numbers. */
function power(numbers: v128): v128 {
  return v128.and(numbers, i64x2.splat(0x7ff00000_00000000));
}
