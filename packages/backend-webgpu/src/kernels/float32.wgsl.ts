/**
 * binary32 arithmetic in integers, on the bits of the values: rounds once, to nearest even, and keeps subnormals,
 * infinities and NaN, whatever the device's own floating point does (docs/design/exact-reduce.md).
 */
export const FLOAT32 = /* wgsl */ `
const SIZE = 0x7fffffffu;
const INFINITY = 0x7f800000u;
const NAN = 0x7fc00000u;

fn add(a: u32, b: u32) -> u32 {
  let swap = (a & SIZE) < (b & SIZE);
  let large = select(a, b, swap);
  let small = select(b, a, swap);
  // A sum of two zeros is -0 only if both are.
  if ((small & SIZE) == 0u) { return select(large, a & b, (large & SIZE) == 0u); }
  let opposite = (a ^ b) >> 31u == 1u;
  if ((large & SIZE) >= INFINITY) {
    return select(large, NAN, opposite && (small & SIZE) == INFINITY);
  }
  let exponent = max((large >> 23u) & 0xffu, 1u);
  let shift = exponent - max((small >> 23u) & 0xffu, 1u);
  let first = significand(large) << 3u;
  let second = shifted(significand(small) << 3u, shift);
  var sum = select(first + second, first - second, opposite);
  if (sum == 0u) { return 0u; }
  // The leading bit of a normal sum is bit 26; the three bits below a float's last one decide the rounding.
  if (sum >> 27u == 1u) { return rounded(large, i32(exponent) + 1, shifted(sum, 1u)); }
  let rise = min(countLeadingZeros(sum) - 5u, exponent - 1u);
  return rounded(large, i32(exponent - rise), sum << rise);
}

fn multiply(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & ~SIZE;
  let sizes = vec2(a, b) & vec2(SIZE);
  let least = min(sizes.x, sizes.y);
  let most = max(sizes.x, sizes.y);
  if (most >= INFINITY) { return select(sign | INFINITY, NAN, most > INFINITY || least == 0u); }
  if (least == 0u) { return sign; }
  let x = normal(sizes.x);
  let y = normal(sizes.y);
  // 24 bits times 24 bits, in halves of 12; the product is high · 2^24 + low.
  let high_x = x.significand >> 12u;
  let high_y = y.significand >> 12u;
  let low_x = x.significand & 0xfffu;
  let low_y = y.significand & 0xfffu;
  let middle = high_x * low_y + low_x * high_y;
  let low = low_x * low_y + ((middle & 0xfffu) << 12u);
  let high = high_x * high_y + (middle >> 12u) + (low >> 24u);
  // The upper 28 bits; the last of them is set if any bit below is.
  let product = (high << 4u) | ((low >> 20u) & 0xfu) | u32((low & 0xfffffu) != 0u);
  let exponent = x.exponent + y.exponent - 127;
  if (product >> 27u == 1u) { return rounded(sign, exponent + 1, shifted(product, 1u)); }
  return rounded(sign, exponent, product);
}

struct Normal { significand: u32, exponent: i32 }

// A size that is neither 0 nor infinite, shifted so that its leading bit is bit 23.
fn normal(size: u32) -> Normal {
  if (size >> 23u != 0u) { return Normal(significand(size), i32(size >> 23u)); }
  let rise = countLeadingZeros(size) - 8u;
  return Normal(size << rise, 1 - i32(rise));
}

fn significand(bits: u32) -> u32 {
  return (bits & 0x7fffffu) | (u32((bits & INFINITY) != 0u) << 23u);
}

// value >> shift, with the last bit set if bits are lost.
fn shifted(value: u32, shift: u32) -> u32 {
  let by = min(shift, 31u);
  return (value >> by) | u32((value & ((1u << by) - 1u)) != 0u);
}

// value · 2^(exponent - 153) as a float of that sign. The leading bit is bit 26 or, if the exponent is 1, a lower one.
fn rounded(sign: u32, exponent: i32, value: u32) -> u32 {
  let kept = shifted(value, u32(max(1 - exponent, 0)));
  let size = (u32(max(exponent, 1) - 1) << 23u) + ((kept + 3u + ((kept >> 3u) & 1u)) >> 3u);
  return (sign & ~SIZE) | min(size, INFINITY);
}
`;

/** Adds division to FLOAT32: `divide`, for divisors other than 0, and `normalised`. */
export const FLOAT32_DIVIDE = /* wgsl */ `
fn divide(a: u32, b: u32) -> u32 {
  let sizes = vec2(a, b) & vec2(SIZE);
  let sign = (a ^ b) & ~SIZE;
  if (max(sizes.x, sizes.y) > INFINITY || (sizes.x == INFINITY && sizes.y == INFINITY)) { return NAN; }
  if (sizes.x == INFINITY) { return sign | INFINITY; }
  if (sizes.x == 0u || sizes.y == INFINITY) { return sign; }
  let x = normal(sizes.x);
  let y = normal(sizes.y);
  let less = u32(x.significand < y.significand);
  var rest = x.significand << less;
  var quotient = 0u;
  for (var i = 0u; i < 27u; i++) {
    let fits = rest >= y.significand;
    quotient = (quotient << 1u) | u32(fits);
    rest = (rest - select(0u, y.significand, fits)) << 1u;
  }
  return rounded(sign, x.exponent - y.exponent + 127 - i32(less), quotient | u32(rest != 0u));
}

// A weight's share of the sum, 0 of a sum of 0.
fn normalised(weight: u32, total: u32) -> u32 {
  if ((total & SIZE) == 0u) { return 0u; }
  return divide(weight, total);
}
`;
