/*
 * The routers' score functions to the last bit (docs/design/scores.md), of finite values: AssemblyScript. The JavaScript in
 * src/scores.ts says the same.
 */

/** exp(-size), size ≥ 0, with 32 significant bits; 0 from 256 on. */
export function expNeg(size: f32): f64 {
  if (size >= 256) return 0;
  const t = binaryExponent(size);
  return <f64>significand(t) * power(-31 - roundedUp(t));
}

/** e in units of 2^-31, rounded down: softmax and sigmoid divide by sums of these. */
export function unitsOf(e: f64): f64 {
  return floor<f64>(e * 2147483648.0);
}

/** e divided by sum units of 2^-31, rounded to float32 once. e as expNeg gives it, 2^31 ≤ sum < 2^46. */
export function quotient32(e: f64, sum: f64): f32 {
  const units = e * 2147483648.0;
  const quotient = units / sum;
  const rounded = <f32>quotient;
  const rest = quotient - <f64>rounded;
  const other = quotient + rest;
  // Two roundings are one, unless the first ends halfway between two floats.
  if (rest == 0 || <f64>(<f32>other) != other) return rounded;
  const low = <f64>(<u64>sum & 0xffffff);
  const beyond = units - quotient * (sum - low) - quotient * low;
  if (beyond == 0) return rounded;
  return beyond > 0 ? max<f32>(rounded, <f32>other) : min<f32>(rounded, <f32>other);
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(x: f32): f32 {
  const e = expNeg(abs<f32>(x));
  return quotient32(x < 0 ? e : 1, 2147483648.0 + unitsOf(e));
}

/** sqrt(ln(1 + exp(x))) */
export function sqrtsoftplus(x: f32): f32 {
  const size = evenSteps(abs<f32>(x));
  let m: u32 = 0;
  let scale: i32 = 0;
  if (size < 256) {
    const t = binaryExponent(size);
    const n = roundedUp(t);
    scale = -n;
    m = logarithm(significand(t), n);
  }
  if (x >= 0) {
    const exponent = <i32>(reinterpret<u32>(size) >> 23) - 127;
    const room = max<i32>(exponent, -1) + 1;
    const shift = room - scale;
    scale = room;
    m = (shift < 32 ? m >> shift : 0) + <u32>(<f64>size * power(31 - room));
  }
  // Devices have 32 bits for twice or four times the square.
  if (m >> 31 && !(scale & 1)) m &= ~1;
  return <f32>sqrt<f64>(<f64>m * power(scale - 31));
}

/** The units of four values exp(-size), size ≥ 0, added in pairs: those of lanes 0 and 2, and of lanes 1 and 3, as float64. */
export function unitsOf4(sizes: v128): v128 {
  // From here on they have none.
  sizes = f32x4.pmin(f32x4.splat(64), sizes);
  const low = binaryExponent2(f64x2.promote_low_f32x4(sizes));
  const high = binaryExponent2(f64x2.promote_low_f32x4(i32x4.shuffle(sizes, sizes, 2, 3, 2, 3)));
  const nLow = f64x2.ceil(f64x2.mul(low, f64x2.splat(1.0 / 4294967296.0)));
  const nHigh = f64x2.ceil(f64x2.mul(high, f64x2.splat(1.0 / 4294967296.0)));
  const m = significand4(i32x4.shuffle(fraction2(low, nLow), fraction2(high, nHigh), 0, 1, 4, 5));
  return f64x2.add(shifted2(m, nLow), shifted2(i32x4.shuffle(m, m, 2, 3, 2, 3), nHigh));
}

/** size · log2(e) in units of 2^-32, rounded down; the first factor's products with a float32 are exact. */
function binaryExponent(size: f32): u64 {
  const product = <f64>size * 6196328000.0;
  const whole = floor<f64>(product);
  return <u64>whole + <u64>(product - whole + <f64>size * 18.71948060207069);
}

/** The n of 2^-t = 2^(g - n) with g = n - t in [0, 1), t in units of 2^-32. */
function roundedUp(t: u64): i32 {
  return <i32>((t + 0xffffffff) >> 32);
}

/** 2^g in units of 2^-31. */
function significand(t: u64): u32 {
  const g = -(<u32>t);
  // (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32.
  let h: u32 = 89042;
  h = 627478 + mulhi(h, g);
  h = 5750554 + mulhi(h, g);
  h = 41301092 + mulhi(h, g);
  h = 238389752 + mulhi(h, g);
  h = 1031764901 + mulhi(h, g);
  h = 2977044472 + mulhi(h, g);
  return 0x80000000 + (mulhi(h, g) >> 1);
}

// The same in lanes. Two pairs of float64 hold what 32 bits do not.

function binaryExponent2(sizes: v128): v128 {
  const product = f64x2.mul(sizes, f64x2.splat(6196328000.0));
  const whole = f64x2.floor(product);
  const rest = f64x2.mul(sizes, f64x2.splat(18.71948060207069));
  return f64x2.add(whole, f64x2.floor(f64x2.add(f64x2.sub(product, whole), rest)));
}

/** g of 2^-t = 2^(g - n), as lanes 0 and 1. */
function fraction2(t: v128, n: v128): v128 {
  return i32x4.trunc_sat_f64x2_u_zero(f64x2.sub(f64x2.mul(n, f64x2.splat(4294967296.0)), t));
}

function significand4(g: v128): v128 {
  let h = i32x4.splat(89042);
  h = i32x4.add(i32x4.splat(627478), mulhi4(h, g));
  h = i32x4.add(i32x4.splat(5750554), mulhi4(h, g));
  h = i32x4.add(i32x4.splat(41301092), mulhi4(h, g));
  h = i32x4.add(i32x4.splat(238389752), mulhi4(h, g));
  h = i32x4.add(i32x4.splat(1031764901), mulhi4(h, g));
  h = i32x4.add(i32x4.splat(<i32>2977044472), mulhi4(h, g));
  return i32x4.add(i32x4.splat(i32.MIN_VALUE), i32x4.shr_u(mulhi4(h, g), 1));
}

/** Lanes 0 and 1 of m >> n. */
function shifted2(m: v128, n: v128): v128 {
  const power = i64x2.shl(i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(f64x2.sub(f64x2.splat(1023), n))), 52);
  return f64x2.floor(f64x2.mul(f64x2.convert_low_i32x4_u(m), power));
}

function mulhi4(a: v128, b: v128): v128 {
  return i32x4.shuffle(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

/** ln(1 + m · 2^(-31 - n)) in units of 2^(-31 - n). */
function logarithm(m: u32, n: i32): u32 {
  const t: u32 = n == 0 ? 0xffffffff : n > 32 ? 0 : m >> (n - 1);
  // ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32.
  let h: u32 = 8976566;
  h = 58868918 - mulhi(h, t);
  h = 180876845 - mulhi(h, t);
  h = 357296383 - mulhi(h, t);
  h = 535651859 - mulhi(h, t);
  h = 692739555 - mulhi(h, t);
  h = 854570521 - mulhi(h, t);
  h = 1073236581 - mulhi(h, t);
  h = 1431625776 - mulhi(h, t);
  h = 2147482949 - mulhi(h, t);
  h = 4294967293 - mulhi(h, t);
  return mulhi(m, h);
}

/** Sizes below 2^-4 to multiples of 2^-28, and to 0 below that: keeps sqrtsoftplus monotonic. */
function evenSteps(size: f32): f32 {
  if (size >= 0.0625) return size;
  if (size < 3.725290298461914e-9) return 0;
  return <f32>(floor<f64>(<f64>size * 268435456.0 + 0.5) * 3.725290298461914e-9);
}

/** a · b / 2^32, rounded down. */
function mulhi(a: u32, b: u32): u32 {
  return <u32>((<u64>a * <u64>b) >> 32);
}

/** 2^exponent, which is a normal float64. */
function power(exponent: i32): f64 {
  return reinterpret<f64>(<u64>(1023 + exponent) << 52);
}
