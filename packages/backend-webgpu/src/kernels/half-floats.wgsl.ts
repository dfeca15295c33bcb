/** 16-bit floats in integer arithmetic: needs no shader-f16, and takes no liberties with NaN or subnormals. */
const BFLOAT16 = /* wgsl */ `
fn widen(bits: u32) -> u32 { return bits << 16u; }

// Rounds to nearest, ties to even; a NaN stays NaN.
fn narrow(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}
`;

const FLOAT16 = /* wgsl */ `
fn widen(bits: u32) -> u32 {
  let sign = (bits & 0x8000u) << 16u;
  let exponent = (bits >> 10u) & 0x1fu;
  let mantissa = bits & 0x3ffu;
  if (exponent == 31u) { return sign | 0x7f800000u | (mantissa << 13u); }
  if (exponent != 0u) { return sign | ((exponent + 112u) << 23u) | (mantissa << 13u); }
  if (mantissa == 0u) { return sign; }
  // A subnormal is mantissa · 2^-24, a normal float32.
  let rise = countLeadingZeros(mantissa) - 21u;
  return sign | ((113u - rise) << 23u) | (((mantissa << rise) & 0x3ffu) << 13u);
}

// Rounds to nearest, ties to even; a NaN stays NaN.
fn narrow(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return sign | 0x7e00u; }
  // From 65520 on, infinity is nearer.
  if (size >= 0x477ff000u) { return sign | 0x7c00u; }
  // From 2^-14 on a number is normal. From shifts of 25 on, nothing is left of a smaller one.
  let is_normal = size >= 0x38800000u;
  let shift = select(min(126u - (size >> 23u), 25u), 13u, is_normal);
  let value = select((size & 0x7fffffu) | 0x800000u, size - 0x38000000u, is_normal);
  return sign | ((value + (1u << (shift - 1u)) - 1u + ((value >> shift) & 1u)) >> shift);
}
`;

/** WGSL functions for a 16-bit dtype: `widen(bits)` gives the bits of a float32, and `narrow(bits)` takes those. */
export function halfFloats(dtype: 'float16' | 'bfloat16'): string {
  return dtype === 'float16' ? FLOAT16 : BFLOAT16;
}
