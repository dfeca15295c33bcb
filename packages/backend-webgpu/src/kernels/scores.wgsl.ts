/*
 * The routers' score functions to the last bit (docs/design/scores.md), in 32-bit integers. Floats are given and
 * returned as bits; inputs are cleaned, sizes are bits without a sign.
 */

/** (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32. */
const EXP = [2977044472, 1031764901, 238389752, 41301092, 5750554, 627478, 89042];
/** ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32. */
const LOG = [
  ...[4294967293, 2147482949, 1431625776, 1073236581, 854570521, 692739555, 535651859, 357296383],
  ...[180876845, 58868918, 8976566],
];

/** Horner's rule, written out: `at` is a variable, `sign` that of its powers. */
function polynomial(coefficients: number[], sign: '+' | '-', at: string): string {
  return coefficients.reduceRight(
    (inner, c) => (inner ? `${c}u ${sign} mulhi(${inner}, ${at})` : `${c}u`),
    '',
  );
}

/** `exp_neg(size)` and what makes floats of its results. */
export const EXP_NEG = /* wgsl */ `
// a · b / 2^32, rounded down.
fn mulhi(a: u32, b: u32) -> u32 {
  let first = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}

// exp(-|x|) as (m, n): m · 2^(-31 - n) with 2^31 <= m, or m = 0 for zero.
fn exp_neg(size: u32) -> vec2<u32> {
  let exponent = i32(size >> 23u) - 127;
  // |x| = a · 2^(exponent - 31); times log2(e), of which 64 bits are needed.
  let a = (size | 0x800000u) << 8u;
  let low = a * 0xb8aa3b29u;
  let sum = low + mulhi(a, 0x5c17f0bcu);
  let high = mulhi(a, 0xb8aa3b29u) + u32(sum < low);
  // In units of 2^-32 it is those 64 bits shifted right, by 23 to 63.
  let shift = u32(30 - exponent) & 31u;
  let far = exponent < -1;
  let t = select(((high << 1u) << (31u - shift)) | (sum >> shift), high >> shift, far);
  let whole = select(high >> shift, 0u, far);
  // 2^-t = 2^(g - n) with g = n - t in [0, 1).
  let g = 0u - t;
  let power = vec2(0x80000000u + (mulhi(${polynomial(EXP, '+', 'g')}, g) >> 1u), whole + u32(g != 0u));
  // No branches, because the lanes of a row would wait for each other.
  return select(select(power, vec2(0x80000000u, 0u), exponent < -33), vec2(0u), exponent > 7);
}

fn shifted_right(value: u32, shift: u32) -> u32 { return select(0u, value >> (shift & 31u), shift < 32u); }

// m · 2^(-31 - n) to nearest, ties to even, with subnormals; \`more\`: the value is a little above that.
fn round32(m: u32, n: i32, more: bool) -> u32 {
  // Bits of m that float32 has no room for.
  let cut = 8u + u32(max(n - 126, 0));
  if (m == 0u || cut > 32u) { return 0u; }
  let kept = m >> (cut - 1u);
  let above = more || (m & ((1u << (cut - 1u)) - 1u)) != 0u;
  return (u32(max(126 - n, 0)) << 23u) + (kept >> 1u) + (kept & 1u & ((kept >> 1u) | u32(above)));
}

// (m / sum) · 2^-n, rounded once, for a sum of 64 bits, 2^31 <= sum < 2^46.
fn quotient32(m: u32, sum_low: u32, sum_high: u32, n: u32) -> u32 {
  if (m == 0u) { return 0u; }
  let k = 32u - countLeadingZeros(sum_high);
  let inverse = reciprocal((sum_low >> k) | ((sum_high << 1u) << (31u - k)));
  // m · 2^(25 + k) / sum: 25 or 26 bits, at most one too small.
  var quotient = mulhi(m, inverse) >> 6u;
  let scaled_low = select(0u, m << ((25u + k) & 31u), k < 7u);
  let scaled_high = select(m << ((k - 7u) & 31u), m >> ((7u - k) & 31u), k < 7u);
  let product = quotient * sum_low;
  var rest = vec2(scaled_low - product, scaled_high - mulhi(quotient, sum_low) - quotient * sum_high);
  rest.y -= u32(scaled_low < product);
  if (rest.y > sum_high || (rest.y == sum_high && rest.x >= sum_low)) {
    quotient++;
    rest -= vec2(sum_low, sum_high + u32(rest.x < sum_low));
  }
  let rise = countLeadingZeros(quotient);
  return round32(quotient << rise, i32(n + k + rise) - 6, any(rest != vec2(0u)));
}

// 2^63 / d for 2^31 <= d, at most 2^-27 of it too small also if d has been rounded down.
fn reciprocal(d: u32) -> u32 {
  let first = 0x80000000u / ((d >> 16u) + 1u);
  let error = 0u - first * ((d >> 2u) + 1u);
  return (first << 16u) + ((first * (error >> 16u)) >> 13u);
}
`;

/** 1 / (1 + exp(-x)) */
export const SIGMOID = /* wgsl */ `
fn sigmoid(bits: u32) -> u32 {
  let e = exp_neg(bits & 0x7fffffffu);
  let sum = 0x80000000u + shifted_right(e.x, e.y);
  let negative = bits >> 31u == 1u;
  return quotient32(select(0x80000000u, e.x, negative), sum, u32(sum == 0u), select(0u, e.y, negative));
}
`;

/** sqrt(ln(1 + exp(x))) */
export const SQRTSOFTPLUS = /* wgsl */ `
fn sqrtsoftplus(bits: u32) -> u32 {
  let size = even_steps(bits & 0x7fffffffu);
  let e = exp_neg(size);
  // exp(-|x|) in units of 2^-32.
  let t = select(shifted_right(e.x, e.y - 1u), 0xffffffffu, e.y == 0u);
  // ln(1 + exp(-|x|)) = m · 2^(-31 - n)
  var m = mulhi(e.x, ${polynomial(LOG, '-', 't')});
  var scale = -i32(e.y);
  if (bits >> 31u == 0u) {
    let exponent = i32(size >> 23u) - 127;
    scale = max(exponent, -1) + 1;
    m = shifted_right(m, e.y + u32(scale)) + shifted_right((size | 0x800000u) << 8u, u32(scale - exponent));
  }
  if (m == 0u) { return 0u; }
  let rise = countLeadingZeros(m);
  scale -= i32(rise);
  return root32((m << rise) >> u32(1 - (scale & 1)), scale >> 1u);
}

// Below 2^-4 to the nearest multiple of 2^-28: keeps sqrtsoftplus monotonic.
fn even_steps(size: u32) -> u32 {
  let exponent = size >> 23u;
  if (exponent > 121u) { return size; }
  if (exponent < 99u) { return 0u; }
  let step = 1u << (122u - exponent);
  return (size + (step >> 1u)) & (0u - step);
}

// sqrt(n · 2^-30 · 4^half), rounded once, for 2^30 <= n.
fn root32(n: u32, half: i32) -> u32 {
  // 2^31 / sqrt(n) to 14 bits: a parabola, and Newton's method twice.
  let v = n >> 16u;
  var y = 87518u - ((v * (53827u - ((v * 26846u) >> 16u))) >> 15u);
  y = (y * ((0xc0000000u - v * ((y * y) >> 16u)) >> 16u)) >> 15u;
  y = (y * ((0xc0000000u - v * ((y * y) >> 16u)) >> 16u)) >> 15u;
  // The root of n · 2^16 from that of 4 · n and what it leaves, at most one off.
  let near = (v * y) >> 14u;
  let left = i32((n << 2u) - near * near);
  var root = (near << 7u) + u32(((left >> 6u) * i32(y)) >> 20u);
  var rest = i32((n << 16u) - root * root);
  if (rest < 0) {
    root--;
    rest += i32(2u * root + 1u);
  } else if (rest > i32(2u * root)) {
    rest -= i32(2u * root + 1u);
    root++;
  }
  return round32((root << 8u) | (u32(rest > i32(root)) << 7u), -half, rest != 0);
}
`;
