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
