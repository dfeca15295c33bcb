/**
 * Gating values as semantics.md requires, compared as bits throughout: a shader compiler may assume that there is no
 * NaN, and may flush subnormals.
 */
export const GATING_VALUES = /* wgsl */ `
// Larger for a larger value, equal for -0 and 0, and never 0. NaN and -inf count as -FLT_MAX, inf as FLT_MAX.
fn rank_key(bits: u32) -> u32 {
  // Ordered from negative NaN and -inf to inf and positive NaN.
  let key = bits ^ (u32(bitcast<i32>(bits) >> 31u) | 0x80000000u);
  let clean = select(clamp(key, 0x00800000u, 0xff7fffffu), 0x00800000u, key > 0xff800000u);
  return clean + u32(clean == 0x7fffffffu);
}

fn key_bits(key: u32) -> u32 { return select(~key, key ^ 0x80000000u, key >= 0x80000000u); }

fn key_value(key: u32) -> f32 { return bitcast<f32>(key_bits(key)); }

// exp(value - maximum) for value <= maximum, accurate to 1e-7 apart from the rounding of the difference; 0 below 2.7e-38.
fn softmax_term(value: f32, maximum: f32) -> f32 {
  // The difference of two finite numbers can overflow; that of their halves cannot.
  let d = 2.0 * max(0.5 * value - 0.5 * maximum, -43.5);
  let n = round(d * 1.44269504);
  // ln 2 in two parts, the first short enough for an exact product.
  let r = (d - n * 0.693359375) + n * 2.12194440e-4;
  let series = 1.0 + r * (1.0 + r * (0.5 + r * (0.166666667 + r * (0.0416666667
    + r * (0.00833333333 + r * (0.00138888889 + r * 0.000198412698))))));
  return select(0.0, series * bitcast<f32>(u32(i32(n) + 127) << 23u), d > -86.5);
}

// The scale of a choice: its gating value (-0 stays -0) or its share of the softmax.
fn scale_bits(bits: u32, maximum: f32, total: f32, topk_only: bool) -> u32 {
  if (topk_only) { return select(key_bits(rank_key(bits)), bits, bits == 0x80000000u); }
  return bitcast<u32>(softmax_term(key_value(rank_key(bits)), maximum) / total);
}
`;
