/*
 * The score functions of the contract (docs/design/scores.md) with integers that float64 holds, and larger ones where it
 * does not. Only the cuts that the contract asks for are made, and each result is rounded once. Nothing here is shared with
 * a backend.
 */

/** m · 2^(−31 − n) with 2^31 ≤ m < 2^32, or m = 0. */
interface Power {
  readonly m: number;
  readonly n: number;
}

/** (2^g − 1) / g on [0, 1) by powers of g, in units of 2^−32. */
const EXP = [2977044472, 1031764901, 238389752, 41301092, 5750554, 627478, 89042];
/** log2(e) in units of 2^−63, in two words. */
const LOG2_E = [0xb8aa3b29, 0x5c17f0bc];
/** ln(1 + t) / t on [0, 1] by powers of −t, in units of 2^−32. */
const LOG = [
  4294967293, 2147482949, 1431625776, 1073236581, 854570521, 692739555, 535651859, 357296383, 180876845,
  58868918, 8976566,
];
const ONE = 2 ** 31;
const WORD = 2 ** 32;

/** exp(−size) */
function expNeg(size: number): Power {
  const { mantissa, exponent } = parts(size);
  if (exponent < -34) return { m: ONE, n: 0 };
  if (exponent > 7) return { m: 0, n: 0 };
  // mantissa · log2(e), in two words
  const low = (Math.imul(mantissa, LOG2_E[0]) >>> 0) + high(mantissa, LOG2_E[1]);
  const upper = high(mantissa, LOG2_E[0]) + Math.floor(low / WORD);
  const lower = low % WORD;
  // size · log2(e) in units of 2^−32: those words, `places` to the right
  const places = 30 - exponent;
  const t =
    places <= 32
      ? upper * 2 ** (32 - places) + Math.floor(lower / 2 ** places)
      : Math.floor(upper / 2 ** (places - 32));
  // 2^−t = 2^(g − n) with g in [0, 1)
  const n = Math.ceil(t / WORD);
  const g = n * WORD - t;
  const h = EXP.reduceRight((sum, c) => c + high(sum, g));
  return { m: ONE + Math.floor(high(h, g) / 2), n };
}

/** 1 / (1 + exp(−x)) */
export const sigmoid = cached((x: number): number => {
  const { m, n } = expNeg(Math.abs(x));
  const onePlus = ONE + shifted(m, n);
  return x < 0 ? roundRatio(m, onePlus, -n) : roundRatio(ONE, onePlus, 0);
});

/** sqrt(ln(1 + exp(x))) */
export const sqrtsoftplus = cached((x: number): number => {
  const size = toEvenSteps(Math.abs(x));
  const power = expNeg(size);
  // exp(−size) in units of 2^−32; 1 has no place there.
  const t = power.n === 0 ? WORD - 1 : shifted(power.m, power.n - 1);
  const h = LOG.reduceRight((sum, c) => c - high(sum, t));
  // ln(1 + exp(−size)) = m · 2^(scale − 31)
  let m = high(power.m, h);
  let scale = -power.n;
  if (x > 0 || Object.is(x, 0)) {
    const { mantissa, exponent } = parts(size);
    scale = exponent < 0 ? 0 : exponent + 1;
    m = shifted(m, power.n + scale) + shifted(mantissa, scale - exponent);
  }
  if (m === 0) return 0;
  const rise = Math.clz32(m);
  m *= 2 ** rise;
  scale -= rise;
  // The root of an even power of two; its last bit has no place if the power is even already.
  return scale % 2 === 0 ? roundRoot(Math.floor(m / 2), scale - 30) : roundRoot(m, scale - 31);
});

/**
 * The softmax of each expert over all that stay, each the exp of its distance to the largest.
 * @returns the score of an expert
 */
export function softmaxOf(logits: readonly number[]): (expert: number) => number {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => expNeg(-Math.fround(logit - max)));
  const sum = powers.reduce((total, { m, n }) => total + shifted(m, n), 0);
  return (expert) => roundRatio(powers[expert].m, sum, -powers[expert].n);
}

/** Below 2^−4 to the nearest multiple of 2^−28, halves up. */
function toEvenSteps(size: number): number {
  return size < 2 ** -4 ? Math.floor(size * 2 ** 28 + 0.5) * 2 ** -28 : size;
}

/**
 * numerator / denominator · 2^exponent to the nearest float32: a long division, six bits at a time, so that float64 holds
 * every number of it. The first has 32 bits or is 0, the second up to 46.
 */
function roundRatio(numerator: number, denominator: number, exponent: number): number {
  let quotient = Math.floor(numerator / denominator);
  let rest = numerator - quotient * denominator;
  for (let digit = 0; digit < 8; digit++) {
    const next = Math.floor((64 * rest) / denominator);
    rest = 64 * rest - next * denominator;
    quotient = 64 * quotient + next;
  }
  return round(quotient, rest > 0, exponent - 48);
}

/** The root of value · 2^exponent (an even one) to the nearest float32. */
function roundRoot(value: number, exponent: number): number {
  const scaled = BigInt(value) << 50n;
  const root = floorRoot(scaled);
  return round(Number(root), root * root < scaled, (exponent - 50) / 2);
}

/**
 * value · 2^exponent to the nearest float32, ties to even; value has 26 to 53 bits, so that float64 holds it.
 * @param more the value is a little above that: its last bit, which float32 has no room for, tells it from a tie
 */
function round(value: number, more: boolean, exponent: number): number {
  return Math.fround((more && value % 2 === 0 ? value + 1 : value) * 2 ** exponent);
}

/** The largest integer whose square is at most `value`. */
function floorRoot(value: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  while (root * root > value) root -= 1n;
  while ((root + 1n) * (root + 1n) <= value) root += 1n;
  return root;
}

/** The upper word of the product of two words. */
function high(a: number, b: number): number {
  const upper = a >>> 16;
  const lower = a & 0xffff;
  const otherUpper = b >>> 16;
  const otherLower = b & 0xffff;
  const middle = upper * otherLower + lower * otherUpper + Math.floor((lower * otherLower) / 2 ** 16);
  return upper * otherUpper + Math.floor(middle / 2 ** 16);
}

/** A word, `places` to the right. */
function shifted(word: number, places: number): number {
  return Math.floor(word / 2 ** places);
}

/** A float32 of at least 0 as mantissa · 2^(exponent − 31), if it is a normal number. */
function parts(size: number): { mantissa: number; exponent: number } {
  const bits = bitsOf(size);
  return { mantissa: ((bits & 0x7fffff) + 0x800000) * 2 ** 8, exponent: (bits >> 23) - 127 };
}

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of a float32. */
function bitsOf(x: number): number {
  scratch.setFloat32(0, x);
  return scratch.getInt32(0);
}

/** Keeps the last results of a function of float32 numbers; −0 is told from +0. */
function cached<V>(compute: (x: number) => V): (x: number) => V {
  const results = new Map<number, V>();
  return (x) => {
    const key = bitsOf(x);
    let result = results.get(key);
    if (result === undefined) {
      result = compute(x);
      if (results.size >= 2 ** 18) results.clear();
      results.set(key, result);
    }
    return result;
  };
}
