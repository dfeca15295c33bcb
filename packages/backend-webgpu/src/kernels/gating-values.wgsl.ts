/**
 * Gating values as semantics.md wants them, on bits throughout: a shader compiler may assume that there is no NaN
 * and flush subnormals.
 */
export const GATING_VALUES = /* wgsl */ `
// NaN and -inf become -FLT_MAX, +inf becomes FLT_MAX.
fn cleaned(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0xff800000u) { return 0xff7fffffu; }
  return select(bits, 0x7f7fffffu, bits == 0x7f800000u);
}

// Larger for a larger value, equal for -0 and 0, and never 0.
fn rank_key(bits: u32) -> u32 {
  let clean = cleaned(bits);
  if (clean == 0x80000000u) { return 0x80000000u; }
  return select(clean | 0x80000000u, ~clean, clean >= 0x80000000u);
}

fn key_value(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key ^ 0x80000000u, key >= 0x80000000u));
}

// exp(value - maximum) for value <= maximum, to 1e-7 beside the rounding of the difference; 0 below 2.7e-38.
fn softmax_term(value: f32, maximum: f32) -> f32 {
  // The difference of two finite numbers can overflow, that of their halves cannot.
  let d = 2.0 * max(0.5 * value - 0.5 * maximum, -43.5);
  let n = round(d * 1.44269504);
  // ln 2 in two parts, the first short enough for an exact product.
  let r = (d - n * 0.693359375) + n * 2.12194440e-4;
  let series = 1.0 + r * (1.0 + r * (0.5 + r * (0.166666667 + r * (0.0416666667
    + r * (0.00833333333 + r * (0.00138888889 + r * 0.000198412698))))));
  return select(0.0, series * bitcast<f32>(u32(i32(n) + 127) << 23u), d > -86.5);
}

// The scale of a choice: its bits as they are, or its share of the softmax.
fn scale_bits(bits: u32, maximum: f32, total: f32, topk_only: bool) -> u32 {
  if (topk_only) { return cleaned(bits); }
  return bitcast<u32>(softmax_term(key_value(rank_key(bits)), maximum) / total);
}
`;
