import type { FloatDType } from '@moe-dispatch/core';
import type { RowLayout } from './row-units.wgsl.js';

/**
 * WGSL to compute with a whole Unit (`rowUnits`) in the device's floats: the type `Floats`; `unpack(unit)` and
 * `pack(floats)`; `fixed(floats)`, which compilers cannot see through, so that they neither fuse nor reorder what is
 * computed before and after; and, for the smallest size met in each lane, `smaller(least, floats)` and `any_below(least, bound)`.
 */
export function rowFloats(dtype: FloatDType, layout: RowLayout): string {
  if (layout === 'vectors') return dtype === 'float32' ? plain('vec4<f32>', 'vec4<u32>') : HALF_VECTORS;
  if (dtype === 'float32') return plain('f32', 'u32');
  return layout === 'split' ? HALF : HALF_PAIR;
}

/** For floats that are bits of as many u32. */
function arithmetic(floats: string, bits: string): string {
  return /* wgsl */ `
alias Floats = ${floats};
const LARGE = Floats(1.0);
fn fixed(value: Floats) -> Floats { return bitcast<Floats>(bitcast<${bits}>(value) ^ ${bits}(p.zero)); }
fn smaller(least: Floats, value: Floats) -> Floats { return min(least, abs(value)); }
fn any_below(least: Floats, bound: f32) -> bool { return any(least < Floats(bound)); }
`;
}

function plain(floats: string, bits: string): string {
  return /* wgsl */ `${arithmetic(floats, bits)}
fn unpack(unit: Unit) -> Floats { return bitcast<Floats>(unit); }
fn pack(value: Floats) -> Unit { return bitcast<Unit>(value); }
`;
}

const HALF = /* wgsl */ `${arithmetic('f32', 'u32')}
fn unpack(unit: u32) -> f32 { return bitcast<f32>(widen(unit)); }
fn pack(value: f32) -> u32 { return narrow(bitcast<u32>(value)); }
`;

const HALF_PAIR = /* wgsl */ `${arithmetic('vec2<f32>', 'vec2<u32>')}
fn unpack(unit: u32) -> vec2<f32> { return bitcast<vec2<f32>>(vec2(widen(unit & 0xffffu), widen(unit >> 16u))); }
fn pack(value: vec2<f32>) -> u32 {
  let bits = bitcast<vec2<u32>>(value);
  return narrow(bits.x) | (narrow(bits.y) << 16u);
}
`;

/** The low halves of the four words, and the high ones. */
const HALF_VECTORS = /* wgsl */ `
alias Floats = mat2x4<f32>;
const LARGE = Floats(vec4(1.0), vec4(1.0));
fn widen4(bits: vec4<u32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4(widen(bits.x), widen(bits.y), widen(bits.z), widen(bits.w)));
}
fn unpack(unit: Unit) -> Floats { return Floats(widen4(unit & vec4(0xffffu)), widen4(unit >> vec4(16u))); }
fn narrow4(value: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(value);
  return vec4(narrow(bits.x), narrow(bits.y), narrow(bits.z), narrow(bits.w));
}
fn pack(value: Floats) -> Unit { return narrow4(value[0]) | (narrow4(value[1]) << vec4(16u)); }
fn fixed4(value: vec4<f32>) -> vec4<f32> { return bitcast<vec4<f32>>(bitcast<vec4<u32>>(value) ^ vec4(p.zero)); }
fn fixed(value: Floats) -> Floats { return Floats(fixed4(value[0]), fixed4(value[1])); }
fn smaller(least: Floats, value: Floats) -> Floats {
  return Floats(min(least[0], abs(value[0])), min(least[1], abs(value[1])));
}
fn any_below(least: Floats, bound: f32) -> bool {
  return any(least[0] < vec4(bound)) || any(least[1] < vec4(bound));
}
`;
