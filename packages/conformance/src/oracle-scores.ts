/*
 * The score functions of the contract (docs/design/scores.md) with integers of any size: only the cuts that the contract
 * asks for are made, and each result is rounded once. Nothing here is shared with a backend.
 */

/** m · 2^(−31 − n) with 2^31 ≤ m < 2^32, or m = 0. */
interface Power {
  readonly m: bigint;
  readonly n: number;
}

/** (2^g − 1) / g on [0, 1) by powers of g, in units of 2^−32. */
const EXP = [2977044472n, 1031764901n, 238389752n, 41301092n, 5750554n, 627478n, 89042n];
/** log2(e) in units of 2^−63, in two words. */
const LOG2_E = [0xb8aa3b29n, 0x5c17f0bcn];
/** ln(1 + t) / t on [0, 1] by powers of −t, in units of 2^−32. */
const LOG = [
  4294967293n,
  2147482949n,
  1431625776n,
  1073236581n,
  854570521n,
  692739555n,
  535651859n,
  357296383n,
  180876845n,
  58868918n,
  8976566n,
];
const ONE = 1n << 31n;
const WORD = 1n << 32n;

/** exp(−size), cached: a test meets the same values often, and these integers are slow. */
const expNeg = cached((size: number): Power => {
  const { mantissa, exponent } = parts(size);
  if (exponent < -34) return { m: ONE, n: 0 };
  if (exponent > 7) return { m: 0n, n: 0 };
  const product = mantissa * LOG2_E[0] + high(mantissa, LOG2_E[1]);
  /** size · log2(e) in units of 2^−32; 2^−t = 2^(g − n) with g in [0, 1). */
  const t = product >> BigInt(30 - exponent);
  const g = BigInt.asUintN(32, -t);
  const h = EXP.reduceRight((sum, c) => c + high(sum, g));
  return { m: ONE + (high(h, g) >> 1n), n: Number(t >> 32n) + (g === 0n ? 0 : 1) };
});

/** 1 / (1 + exp(−x)) */
export const sigmoid = cached((x: number): number => {
  const { m, n } = expNeg(Math.abs(x));
  const onePlus = ONE + (m >> BigInt(n));
  return x < 0 ? roundRatio(m, onePlus, -n) : roundRatio(ONE, onePlus, 0);
});

/** sqrt(ln(1 + exp(x))) */
export const sqrtsoftplus = cached((x: number): number => {
  const size = toEvenSteps(Math.abs(x));
  const power = expNeg(size);
  // exp(−size) in units of 2^−32; 1 has no place there.
  const t = power.n === 0 ? WORD - 1n : power.m >> BigInt(power.n - 1);
  const h = LOG.reduceRight((sum, c) => c - high(sum, t));
  // ln(1 + exp(−size)) = m · 2^(scale − 31)
  let m = high(power.m, h);
  let scale = -power.n;
  if (x > 0 || Object.is(x, 0)) {
    const { mantissa, exponent } = parts(size);
    scale = exponent < 0 ? 0 : exponent + 1;
    m = (m >> BigInt(power.n + scale)) + (mantissa >> BigInt(scale - exponent));
  }
  if (m === 0n) return 0;
  const rise = 32 - bitLength(m);
  m <<= BigInt(rise);
  scale -= rise;
  // The root of an even power of two; its last bit has no place if the power is even already.
  return scale % 2 === 0 ? roundRoot(m >> 1n, scale - 30) : roundRoot(m, scale - 31);
});

/**
 * The softmax of each expert over all that stay, each the exp of its distance to the largest.
 * @returns the score of an expert
 */
export function softmaxOf(logits: readonly number[]): (expert: number) => number {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => expNeg(-Math.fround(logit - max)));
  const sum = powers.reduce((total, { m, n }) => total + (m >> BigInt(n)), 0n);
  return (expert) => roundRatio(powers[expert].m, sum, -powers[expert].n);
}

/** Below 2^−4 to the nearest multiple of 2^−28, halves up. */
function toEvenSteps(size: number): number {
  return size < 2 ** -4 ? Math.floor(size * 2 ** 28 + 0.5) * 2 ** -28 : size;
}

/** numerator / denominator · 2^exponent to the nearest float32. The first has 32 bits or is 0, the second up to 46. */
function roundRatio(numerator: bigint, denominator: bigint, exponent: number): number {
  const dividend = numerator << 50n;
  return round(dividend / denominator, dividend % denominator !== 0n, exponent - 50);
}

/** The root of value · 2^exponent (an even one) to the nearest float32. */
function roundRoot(value: bigint, exponent: number): number {
  const scaled = value << 50n;
  const root = floorRoot(scaled);
  return round(root, root * root < scaled, (exponent - 50) / 2);
}

/**
 * value · 2^exponent to the nearest float32, ties to even; value has 26 to 53 bits, so that float64 holds it.
 * @param more the value is a little above that: its last bit, which float32 has no room for, tells it from a tie
 */
function round(value: bigint, more: boolean, exponent: number): number {
  return Math.fround(Number(more ? value | 1n : value) * 2 ** exponent);
}

/** The largest integer whose square is at most `value`. */
function floorRoot(value: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  while (root * root > value) root -= 1n;
  while ((root + 1n) * (root + 1n) <= value) root += 1n;
  return root;
}

function high(a: bigint, b: bigint): bigint {
  return (a * b) >> 32n;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** A float32 of at least 0 as mantissa · 2^(exponent − 31), if it is a normal number. */
function parts(size: number): { mantissa: bigint; exponent: number } {
  const bits = bitsOf(size);
  return { mantissa: BigInt((bits & 0x7fffff) | 0x800000) << 8n, exponent: (bits >> 23) - 127 };
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
