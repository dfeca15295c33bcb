/*
 * The routers' score functions to the last bit (docs/design/scores.md), of finite float32 values, without garbage. What
 * other backends do in integers is done in float64 here wherever that is exact.
 */

/** log2(e) in units of 2^-32, in two parts: products of the first with a float32 are exact. */
const LOG2_E = 0xb8aa3b2 * 2 ** 5;
const LOG2_E_REST = 0x95c17f0bc * 2 ** -31;

/** Powers of 2, from 2^FIRST_POWER on. */
const FIRST_POWER = -410;
const POWERS = Float64Array.from({ length: 520 }, (_, i) => 2 ** (FIRST_POWER + i));

/** What expParts found: exp(-size) = m · 2^(-31 - n). */
const parts = new Uint32Array(2);
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** exp(-size), size ≥ 0, with 32 significant bits; 0 from 256 on. */
export function expNeg(size: number): number {
  expParts(size);
  return parts[0] * POWERS[-31 - parts[1] - FIRST_POWER];
}

/** e in units of 2^-31, rounded down: softmax and sigmoid divide by sums of these. */
export function unitsOf(e: number): number {
  return Math.floor(e * 2 ** 31);
}

/** e divided by sum units of 2^-31, rounded to float32 once. e as expNeg gives it, 2^31 ≤ sum < 2^46. */
export function quotient32(e: number, sum: number): number {
  const units = e * 2 ** 31;
  const quotient = units / sum;
  const rounded = Math.fround(quotient);
  const rest = quotient - rounded;
  const other = quotient + rest;
  // Two roundings are one, unless the first ends halfway between two floats.
  if (rest === 0 || Math.fround(other) !== other) return rounded;
  const low = sum % 2 ** 24;
  const beyond = units - quotient * (sum - low) - quotient * low;
  if (beyond === 0) return rounded;
  return beyond > 0 ? Math.max(rounded, other) : Math.min(rounded, other);
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(x: number): number {
  const e = expNeg(Math.abs(x));
  return quotient32(x < 0 ? e : 1, 2 ** 31 + unitsOf(e));
}

/** sqrt(ln(1 + exp(x))) */
export function sqrtsoftplus(x: number): number {
  const size = evenSteps(Math.abs(x));
  expParts(size);
  const power = parts[0];
  const n = parts[1];
  const t = n === 0 ? 0xffffffff : n > 32 ? 0 : power >>> (n - 1);
  // The result's square is m · 2^(scale - 31).
  let m = mulhi(power, logarithmOverT(t));
  let scale = -n;
  if (x >= 0) {
    float[0] = size;
    const exponent = (bits[0] >>> 23) - 127;
    scale = Math.max(exponent, -1) + 1;
    m = n + scale < 32 ? m >>> (n + scale) : 0;
    m += Math.floor(size * POWERS[31 - scale - FIRST_POWER]);
  }
  // Devices have 32 bits for twice or four times the square.
  if (m >= 2 ** 31 && scale % 2 === 0) m -= m % 2;
  return Math.fround(Math.sqrt(m * POWERS[scale - 31 - FIRST_POWER]));
}

function expParts(size: number): void {
  if (size >= 256) {
    parts[0] = 0;
    parts[1] = 0;
    return;
  }
  const product = size * LOG2_E;
  const whole = Math.floor(product);
  const t = whole + Math.floor(product - whole + size * LOG2_E_REST);
  // 2^-t = 2^(g - n)
  const n = Math.ceil(t * 2 ** -32);
  const g = n * 2 ** 32 - t;
  parts[0] = powerOf(g);
  parts[1] = n;
}

/** 2^(g · 2^-32) in units of 2^-31. */
function powerOf(g: number): number {
  // (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32; written out, as it takes half the time.
  let h = 89042;
  h = (627478 + mulhi(h, g)) | 0;
  h = (5750554 + mulhi(h, g)) | 0;
  h = (41301092 + mulhi(h, g)) | 0;
  h = (238389752 + mulhi(h, g)) | 0;
  h = (1031764901 + mulhi(h, g)) | 0;
  h = (2977044472 + mulhi(h, g)) | 0;
  return 0x80000000 + (mulhi(h, g) >>> 1);
}

/** ln(1 + t) / t on [0, 1], both in units of 2^-32. */
function logarithmOverT(t: number): number {
  let h = 8976566;
  h = (58868918 - mulhi(h, t)) | 0;
  h = (180876845 - mulhi(h, t)) | 0;
  h = (357296383 - mulhi(h, t)) | 0;
  h = (535651859 - mulhi(h, t)) | 0;
  h = (692739555 - mulhi(h, t)) | 0;
  h = (854570521 - mulhi(h, t)) | 0;
  h = (1073236581 - mulhi(h, t)) | 0;
  h = (1431625776 - mulhi(h, t)) | 0;
  h = (2147482949 - mulhi(h, t)) | 0;
  return (4294967293 - mulhi(h, t)) | 0;
}

/** Sizes below 2^-4 to multiples of 2^-28, and to 0 below that: keeps sqrtsoftplus monotonic. */
function evenSteps(size: number): number {
  if (size >= 2 ** -4) return size;
  return size < 2 ** -28 ? 0 : Math.floor(size * 2 ** 28 + 0.5) * 2 ** -28;
}

/** a · b / 2^32, rounded down. */
function mulhi(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const first = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const second = (Math.imul(aLow, bHigh) + (first & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (first >>> 16) + (second >>> 16)) >>> 0;
}
