/*
 * The routers' score functions to the last bit (docs/design/scores.md), of finite float32 values. What other backends do in
 * integers is done in float64 here wherever that is exact. Numbers that are no int32 pass between functions in arrays: as
 * arguments and results they are garbage wherever V8 inlines no more.
 */

/** log2(e) in units of 2^-32, in two parts: products of the first with a float32 are exact. */
const LOG2_E = 0xb8aa3b2 * 2 ** 5;
const LOG2_E_REST = 0x95c17f0bc * 2 ** -31;

/**
 * From the highest power on, in units of 2^-32: (2^g - 1) / g on [0, 1) by powers of g, then ln(1 + t) / t on [0, 1] by
 * powers of -t.
 */
export const COEFFICIENTS = Int32Array.of(
  ...[89042, 627478, 5750554, 41301092, 238389752, 1031764901, 2977044472],
  ...[8976566, 58868918, 180876845, 357296383, 535651859, 692739555],
  ...[854570521, 1073236581, 1431625776, 2147482949, 4294967293],
);
const LOG = 7;
/** Powers of 2, from 2^FIRST_POWER on. */
const FIRST_POWER = -410;
const POWERS = Float64Array.from({ length: 520 }, (_, i) => 2 ** (FIRST_POWER + i));

/** What expNeg takes. */
export const size = new Float32Array(1);
const sizeBits = new Uint32Array(size.buffer);
/** What expNeg finds, and what quotient32 divides it by, in units of 2^-31. */
export const fraction = new Float64Array(2);
/** m and n of exp(-size) = m · 2^(-31 - n). */
const parts = new Uint32Array(2);

/** exp(-size), size ≥ 0, with 32 significant bits; 0 from 256 on. */
export function expNeg(): void {
  expParts();
  fraction[0] = parts[0] * POWERS[-31 - parts[1] - FIRST_POWER];
}

/** e in units of 2^-31, rounded down: softmax and sigmoid divide by sums of these. */
export function unitsOf(e: number): number {
  return Math.floor(e * 2 ** 31);
}

/** The fraction, rounded to float32 once. e as expNeg gives it, 2^31 ≤ sum < 2^46. */
export function quotient32(scores: Float32Array, at: number): void {
  const units = fraction[0] * 2 ** 31;
  const sum = fraction[1];
  const quotient = units / sum;
  scores[at] = quotient;
  const rounded = scores[at];
  const rest = quotient - rounded;
  const other = quotient + rest;
  // Two roundings are one, unless the first ends halfway between two floats.
  if (rest === 0 || Math.fround(other) !== other) return;
  const low = sum % 2 ** 24;
  const beyond = units - quotient * (sum - low) - quotient * low;
  if (beyond > 0 ? other > rounded : beyond < 0 && other < rounded) scores[at] = other;
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(x: Float32Array, i: number, scores: Float32Array, at: number): void {
  const positive = x[i] >= 0;
  size[0] = Math.abs(x[i]);
  expNeg();
  fraction[1] = 2 ** 31 + unitsOf(fraction[0]);
  if (positive) fraction[0] = 1;
  quotient32(scores, at);
}

/** sqrt(ln(1 + exp(x))) */
export function sqrtsoftplus(x: Float32Array, i: number, scores: Float32Array, at: number): void {
  const positive = x[i] >= 0;
  size[0] = Math.abs(x[i]);
  evenSteps();
  expParts();
  const power = parts[0];
  const n = parts[1];
  const t = n === 0 ? -1 : n > 32 ? 0 : power >>> (n - 1);
  // The result's square is m · 2^(scale - 31).
  let m = mulhi(power | 0, logarithmOverT(t | 0)) >>> 0;
  let scale = -n;
  if (positive) {
    const exponent = (sizeBits[0] >>> 23) - 127;
    scale = Math.max(exponent, -1) + 1;
    m = n + scale < 32 ? m >>> (n + scale) : 0;
    m += Math.floor(size[0] * POWERS[31 - scale - FIRST_POWER]);
  }
  // Devices have 32 bits for twice or four times the square.
  if (m >= 2 ** 31 && scale % 2 === 0) m -= m % 2;
  scores[at] = Math.sqrt(m * POWERS[scale - 31 - FIRST_POWER]);
}

function expParts(): void {
  if (size[0] >= 256) {
    parts[0] = 0;
    parts[1] = 0;
    return;
  }
  const product = size[0] * LOG2_E;
  const whole = Math.floor(product);
  const t = whole + Math.floor(product - whole + size[0] * LOG2_E_REST);
  // 2^-t = 2^(g - n), g in units of 2^-32.
  const n = Math.ceil(t * 2 ** -32);
  parts[0] = n * 2 ** 32 - t;
  parts[1] = n;
  parts[0] = 0x80000000 + (powerOf(parts[0] | 0) >>> 1);
}

/** 2^g - 1, both in units of 2^-32. */
function powerOf(g: number): number {
  let h = 0;
  for (let i = 0; i < LOG; i++) h = (COEFFICIENTS[i] + mulhi(h, g)) | 0;
  return mulhi(h, g);
}

/** ln(1 + t) / t on [0, 1], both in units of 2^-32. */
function logarithmOverT(t: number): number {
  let h = 0;
  for (let i = LOG; i < COEFFICIENTS.length; i++) h = (COEFFICIENTS[i] - mulhi(h, t)) | 0;
  return h;
}

/** Sizes below 2^-4 to multiples of 2^-28, and to 0 below that: keeps sqrtsoftplus monotonic. */
function evenSteps(): void {
  if (size[0] < 2 ** -28) size[0] = 0;
  else if (size[0] < 2 ** -4) size[0] = Math.floor(size[0] * 2 ** 28 + 0.5) * 2 ** -28;
}

/** a · b / 2^32 of unsigned numbers, rounded down; all are taken and given as int32. */
function mulhi(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const first = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const second = (Math.imul(aLow, bHigh) + (first & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (first >>> 16) + (second >>> 16)) | 0;
}
