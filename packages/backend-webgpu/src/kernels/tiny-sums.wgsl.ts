import type { FloatDType } from '@moe-dispatch/core';
import type { RowLayout } from './row-elements.wgsl.js';

/**
 * WGSL `with_tiny(bits, added, i, element)`: a unit's packed result with every value below 2^-100 computed anew,
 * scaled up, unless nothing but zeros was added; because a shader may flush subnormal inputs, products and results to zero. All steps that touch a subnormal work on
 * integers. float16 needs none of it: its subnormals are normal float32 numbers.
 * @param sources for choice k: WGSL of the numbers of the elements to load.
 */
export function tinySums(
  dtype: FloatDType,
  layout: RowLayout,
  sources: { ffnOut: string; bias: string | undefined; norm: boolean },
): string {
  if (dtype === 'float16')
    return 'fn with_tiny(bits: Unit, added: Unit, i: u32, element: u32) -> Unit { return bits; }';
  const half = dtype === 'bfloat16';
  const value = `lifted(raw_ffn_out(${sources.ffnOut}, lane))`;
  return `
const LIFT = 60u;
const DROPPED_BITS = ${half ? 16 : 0}u;
${LANES[half ? 'half' : 'single'][layout]}

fn with_tiny(bits: Unit, added: Unit, i: u32, element: u32) -> Unit {
  if (!has_tiny(bits, added)) { return bits; }
  var result = bits;
  for (var lane = 0u; lane < UNIT_LANES; lane++) {
    let old = unit_lane(bits, lane);
    if (is_tiny(old, unit_lane(added, lane))) { result = with_lane(result, lane, scaled_sum(i, element, lane, old)); }
  }
  return result;
}

// The sum of one value, as its bits; the old ones where it leaves the range when scaled up.
fn scaled_sum(i: u32, element: u32, lane: u32, old: u32) -> u32 {
  let token = element / p.row_elements;
  let column = element - token * p.row_elements;
  var sum = 0.0;
  var total = 0.0;
  for (var k = 0u; k < p.topk_width; k++) {
    let row = indices[p.indices_at + k * p.indices_stride + token - p.indices_token];
    let scale = lifted(scales[p.scales_at + token * p.topk_width + k]);
    total += scale;
    ${
      sources.bias === undefined
        ? 'if (row < p.total_rows)'
        : `let expert = topk[p.topk_at + token * p.topk_width + k];
    if (row < p.total_rows && expert < p.experts)`
    } {
      sum += scale * (${sources.bias === undefined ? value : `${value} + lifted(raw_bias(${sources.bias}, lane))`});
    }
  }
  if (!is_finite(sum) || !is_finite(total)) { return old; }
  ${sources.norm ? NORMALIZED : 'return lowered(bitcast<f32>(p.factor) * sum, 2u * LIFT, old);'}
}

fn is_finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }

// The value of float32 bits, times 2^LIFT.
fn lifted(bits: u32) -> f32 {
  let sign = bits & 0x80000000u;
  let exponent = (bits >> 23u) & 0xffu;
  if (exponent == 0u) {
    // A subnormal is mantissa · 2^-149.
    return bitcast<f32>(sign | bitcast<u32>(f32(bits & 0x7fffffu) * bitcast<f32>((LIFT + 127u - 149u) << 23u)));
  }
  if (exponent + LIFT > 254u) { return bitcast<f32>(sign | 0x7f800000u); }
  return bitcast<f32>(bits + (LIFT << 23u));
}

// value · 2^-shift, rounded to the dtype once.
fn lowered(value: f32, shift: u32, old: u32) -> u32 {
  let bits = bitcast<u32>(value);
  let sign = (bits & 0x80000000u) >> DROPPED_BITS;
  let exponent = (bits >> 23u) & 0xffu;
  if (exponent == 255u) { return old; }
  if (exponent == 0u) { return sign; }
  if (exponent > shift) {
    return sign | rounded((bits & 0x7fffffffu) - (shift << 23u), DROPPED_BITS);
  }
  let drop = shift + 1u - exponent + DROPPED_BITS;
  if (drop > 25u) { return sign; }
  return sign | rounded((bits & 0x7fffffu) | 0x800000u, drop);
}

// bits >> drop, to nearest, ties to even.
fn rounded(bits: u32, drop: u32) -> u32 {
  if (drop == 0u) { return bits; }
  return (bits + (1u << (drop - 1u)) - 1u + ((bits >> drop) & 1u)) >> drop;
}
`;
}

const NORMALIZED = `if (total == 0.0) { return old; }
  let mean = sum / total;
  let corrected = mean + fma(-mean, total, sum) / total;
  return lowered(bitcast<f32>(p.factor) * corrected, LIFT, old);`;

/** The values of a unit one by one: how many, which are tiny, and access to each. */
const SINGLE_TINY = `fn is_tiny(bits: u32, added: u32) -> bool {
  return (bits & 0x7fffffffu) < 0x0d800000u && (added & 0x7fffffffu) != 0u;
}`;

const SINGLE_WORD = `
const UNIT_LANES = 1u;
${SINGLE_TINY}
fn has_tiny(bits: u32, added: u32) -> bool { return is_tiny(bits, added); }
fn unit_lane(bits: u32, lane: u32) -> u32 { return bits; }
fn with_lane(bits: u32, lane: u32, value: u32) -> u32 { return value; }
`;

const HALF_TINY = `fn is_tiny(bits: u32, added: u32) -> bool {
  return (bits & 0x7fffu) < 0x0d80u && (added & 0x7fffu) != 0u;
}`;

const LANES: Record<'single' | 'half', Record<RowLayout, string>> = {
  single: {
    words: SINGLE_WORD,
    split: SINGLE_WORD,
    vectors: `
const UNIT_LANES = 4u;
${SINGLE_TINY}
fn has_tiny(bits: Unit, added: Unit) -> bool {
  let size = vec4(0x7fffffffu);
  return any(((bits & size) < vec4(0x0d800000u)) & ((added & size) != vec4(0u)));
}
fn unit_lane(bits: Unit, lane: u32) -> u32 { return bits[lane]; }
fn with_lane(bits: Unit, lane: u32, value: u32) -> Unit {
  return select(bits, vec4(value), vec4(0u, 1u, 2u, 3u) == vec4(lane));
}
`,
  },
  half: {
    split: `
const UNIT_LANES = 1u;
${HALF_TINY}
fn has_tiny(bits: Unit, added: Unit) -> bool { return is_tiny(bits, added); }
fn unit_lane(bits: Unit, lane: u32) -> u32 { return bits; }
fn with_lane(bits: Unit, lane: u32, value: u32) -> Unit { return value; }
`,
    words: `
const UNIT_LANES = 2u;
${HALF_TINY}
fn has_tiny(bits: Unit, added: Unit) -> bool {
  return is_tiny(bits, added) || is_tiny(bits >> 16u, added >> 16u);
}
fn unit_lane(bits: Unit, lane: u32) -> u32 { return (bits >> (16u * lane)) & 0xffffu; }
fn with_lane(bits: Unit, lane: u32, value: u32) -> Unit {
  return (bits & ~(0xffffu << (16u * lane))) | (value << (16u * lane));
}
`,
    vectors: `
const UNIT_LANES = 8u;
${HALF_TINY}
fn has_tiny(bits: Unit, added: Unit) -> bool { return any_tiny(bits, added) || any_tiny(bits >> vec4(16u), added >> vec4(16u)); }
fn any_tiny(bits: Unit, added: Unit) -> bool {
  let size = vec4(0x7fffu);
  return any(((bits & size) < vec4(0x0d80u)) & ((added & size) != vec4(0u)));
}
// Low halves first.
fn unit_lane(bits: Unit, lane: u32) -> u32 { return (bits[lane % 4u] >> (lane / 4u * 16u)) & 0xffffu; }
fn with_lane(bits: Unit, lane: u32, value: u32) -> Unit {
  let shift = lane / 4u * 16u;
  let word = (bits[lane % 4u] & ~(0xffffu << shift)) | (value << shift);
  return select(bits, vec4(word), vec4(0u, 1u, 2u, 3u) == vec4(lane % 4u));
}
`,
  },
};
