import type { FloatDType } from '@moe-dispatch/core';
import type { RowLayout } from './row-units.wgsl.js';

/**
 * WGSL to compute with a whole Unit (`rowUnits`) in the device's floats: the type `Floats`; `unpack(unit)` and
 * `pack(floats)`; and `product(weight, floats)`, which adds a −0 that compilers cannot see: it rounds the product, and
 * keeps it from being fused with the sum that it goes into.
 */
export function rowFloats(dtype: FloatDType, layout: RowLayout): string {
  if (layout === 'vectors') return dtype === 'float32' ? single('vec4<f32>') : HALF_VECTORS;
  if (dtype === 'float32') return single('f32');
  return layout === 'split' ? HALF : HALF_PAIR;
}

/**
 * WGSL to find the sums that integers must compute, because something may have been flushed to zero: a value below
 * 2^-63, or a weight below 2^-37. All other products are 2^-100 at least, or float32 products of that size: their sums
 * are multiples of 2^-123, and so no subnormals. `met(seen, values)` notes the values of a choice, starting from UNSEEN;
 * `doubtful(seen)` says whether one was small. A NaN, `is_nan(sum)`, may be infinity times a subnormal. Needs FLOAT32.
 * @param values what is noted: the `rows` as they are loaded, or the `sums` of a row and a bias, as Floats.
 */
export function floatChecks(dtype: FloatDType, layout: RowLayout, values: 'rows' | 'sums'): string {
  const [bits, inTwo] = bitsOf(dtype, layout);
  const floats = bits.replace('u32', 'f32');
  return /* wgsl */ `
fn any_nan(sum: ${floats}) -> bool { return any((bitcast<${bits}>(sum) & ${bits}(SIZE)) > ${bits}(INFINITY)); }
fn is_nan(sum: Floats) -> bool { return ${inTwo ? `any_nan(sum[0]) || any_nan(sum[1])` : `any_nan(sum)`}; }
${values === 'rows' ? rowChecks(dtype, layout) : sumChecks(floats, inTwo)}
`;
}

/** The bits of Floats, and whether there are two of them. */
function bitsOf(dtype: FloatDType, layout: RowLayout): [string, boolean] {
  const half = dtype !== 'float32';
  if (layout === 'vectors') return ['vec4<u32>', half];
  return [half && layout === 'words' ? 'vec2<u32>' : 'u32', false];
}

/** A value of 2^-63 or more has one of the two highest bits of its exponent set. Two instructions check two halves. */
function rowChecks(dtype: FloatDType, layout: RowLayout): string {
  const masks = {
    float32: '0x40000000u',
    bfloat16: layout === 'split' ? '0x4000u' : '0x40004000u',
    float16: '0u',
  };
  return /* wgsl */ `
// No value of float16 is a float32 subnormal.
const UNSEEN = ~Unit();
const NORMAL = Unit(${masks[dtype]});
fn met(seen: Unit, unit: Unit) -> Unit { return seen & (unit | (unit << Unit(1u))); }
fn doubtful(seen: Unit) -> bool { return any((seen & NORMAL) != NORMAL); }
`;
}

function sumChecks(floats: string, inTwo: boolean): string {
  const least = (seen: string, value: string) => `min(${seen}, abs(${value}))`;
  const small = (seen: string) => `any(${seen} < ${floats}(0x1p-63f))`;
  return /* wgsl */ `
const UNSEEN = Floats(${inTwo ? `${floats}(1.0), ${floats}(1.0)` : '1.0'});
fn met(seen: Floats, value: Floats) -> Floats {
  return ${inTwo ? `Floats(${least(`seen[0]`, `value[0]`)}, ${least(`seen[1]`, `value[1]`)})` : least(`seen`, `value`)};
}
fn doubtful(seen: Floats) -> bool { return ${inTwo ? `${small(`seen[0]`)} || ${small(`seen[1]`)}` : small(`seen`)}; }
`;
}

function product(floats: string): string {
  return /* wgsl */ `
alias Floats = ${floats};
fn product(weight: f32, value: Floats) -> Floats {
  return fma(Floats(weight), value, Floats(bitcast<f32>(p.minus_zero)));
}
`;
}

function single(floats: string): string {
  return /* wgsl */ `
${product(floats)}
fn unpack(unit: Unit) -> Floats { return bitcast<Floats>(unit); }
fn pack(value: Floats) -> Unit { return bitcast<Unit>(value); }
`;
}

const HALF = /* wgsl */ `
${product('f32')}
fn unpack(unit: u32) -> f32 { return bitcast<f32>(widen(unit)); }
fn pack(value: f32) -> u32 { return narrow(bitcast<u32>(value)); }
`;

const HALF_PAIR = /* wgsl */ `
${product('vec2<f32>')}
fn unpack(unit: u32) -> Floats { return bitcast<Floats>(vec2(widen(unit & 0xffffu), widen(unit >> 16u))); }
fn pack(value: Floats) -> u32 {
  let bits = bitcast<vec2<u32>>(value);
  return narrow(bits.x) | (narrow(bits.y) << 16u);
}
`;

/** The low halves of the four words, then the high ones. */
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
fn product(weight: f32, value: Floats) -> Floats {
  let minus_zero = vec4(bitcast<f32>(p.minus_zero));
  return Floats(fma(vec4(weight), value[0], minus_zero), fma(vec4(weight), value[1], minus_zero));
}
`;
