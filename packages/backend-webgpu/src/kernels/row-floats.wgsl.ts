import type { FloatDType } from '@moe-dispatch/core';
import type { RowLayout } from './row-units.wgsl.js';

/**
 * WGSL to compute with a whole Unit (`rowUnits`) in the device's floats: the type `Floats`; `unpack(unit)` and
 * `pack(floats)`; and `fixed(floats)`, which compilers cannot see through, so that they neither fuse nor reorder what
 * is computed before and after.
 */
export function rowFloats(dtype: FloatDType, layout: RowLayout): string {
  if (layout === 'vectors') return dtype === 'float32' ? single('vec4<f32>', 'vec4<u32>') : HALF_VECTORS;
  if (dtype === 'float32') return single('f32', 'u32');
  return layout === 'split' ? HALF : HALF_PAIR;
}

/**
 * WGSL to find sums that the integers must make, because something may have been flushed to zero: `smaller(least, floats)`
 * for the smallest size met in each lane, at first LARGE, and `doubtful(least, sum)`. It needs FLOAT32.
 */
export function floatChecks(dtype: FloatDType, layout: RowLayout): string {
  if (layout === 'vectors') return dtype === 'float32' ? checks('vec4<f32>', 'vec4<u32>') : CHECKS_IN_TWO;
  return dtype === 'float32' || layout === 'split' ? checks('f32', 'u32') : checks('vec2<f32>', 'vec2<u32>');
}

function fixed(floats: string, bits: string): string {
  return /* wgsl */ `
alias Floats = ${floats};
fn fixed(value: Floats) -> Floats { return bitcast<Floats>(bitcast<${bits}>(value) ^ ${bits}(p.zero)); }
`;
}

function single(floats: string, bits: string): string {
  return /* wgsl */ `
${fixed(floats, bits)}
fn unpack(unit: Unit) -> Floats { return bitcast<Floats>(unit); }
fn pack(value: Floats) -> Unit { return bitcast<Unit>(value); }
`;
}

const HALF = /* wgsl */ `
${fixed('f32', 'u32')}
fn unpack(unit: u32) -> f32 { return bitcast<f32>(widen(unit)); }
fn pack(value: f32) -> u32 { return narrow(bitcast<u32>(value)); }
`;

const HALF_PAIR = /* wgsl */ `
${fixed('vec2<f32>', 'vec2<u32>')}
fn unpack(unit: u32) -> Floats { return bitcast<Floats>(vec2(widen(unit & 0xffffu), widen(unit >> 16u))); }
fn pack(value: Floats) -> u32 {
  let bits = bitcast<vec2<u32>>(value);
  return narrow(bits.x) | (narrow(bits.y) << 16u);
}
`;

/** The low halves of the four words, and the high ones. */
const HALF_VECTORS = /* wgsl */ `
alias Floats = mat2x4<f32>;
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
`;

/**
 * Sums of numbers of at least 2^-100, or of float32 products of that size, are multiples of 2^-123, so no subnormals; and
 * what a subnormal beside such a number would add is rounded away. A NaN may be infinity times a subnormal.
 */
function checks(floats: string, bits: string, suffix = ''): string {
  return /* wgsl */ `
const LARGE${suffix} = ${floats}(1.0);
fn smaller${suffix}(least: ${floats}, value: ${floats}) -> ${floats} { return min(least, abs(value)); }
fn doubtful${suffix}(least: ${floats}, sum: ${floats}) -> bool {
  return any(least < ${floats}(0x1p-100f)) || any((bitcast<${bits}>(sum) & ${bits}(SIZE)) > ${bits}(INFINITY));
}
`;
}

const CHECKS_IN_TWO = /* wgsl */ `
${checks('vec4<f32>', 'vec4<u32>', '4')}
const LARGE = Floats(LARGE4, LARGE4);
fn smaller(least: Floats, value: Floats) -> Floats {
  return Floats(smaller4(least[0], value[0]), smaller4(least[1], value[1]));
}
fn doubtful(least: Floats, sum: Floats) -> bool { return doubtful4(least[0], sum[0]) || doubtful4(least[1], sum[1]); }
`;
