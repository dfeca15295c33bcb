import type { FloatDType } from '@moe-dispatch/core';
import { halfFloats } from './half-floats.wgsl.js';

/**
 * How rows lie in the units that the shader loads: whole `vectors` of four words, whole `words`, or `split`, where
 * a word of two 16-bit values can belong to two rows.
 */
export type RowLayout = 'vectors' | 'words' | 'split';

/**
 * WGSL to compute with rows: the type `Element` (as many values as can be treated alike), PER_UNIT elements in a
 * unit, `Unit` for an element's bits, `load_<name>(number)` of a Unit for each buffer of `names` and `raw_<name>(number, lane)`
 * for the float32 bits of one of its values, `store_unit(unit, i)`, which calls `reduced` and `with_tiny`, and
 * `quotient`.
 */
export function rowElements(dtype: FloatDType, layout: RowLayout, names: readonly string[]): string {
  const half = dtype === 'float32' ? '' : halfFloats(dtype);
  const { type, pack, unpack, store = STORE } = half === '' ? SINGLE[layout] : HALF[layout];
  const load = layout === 'split' ? loadSplit : loadWhole;
  const raw = (name: string) =>
    `fn raw_${name}(number: u32, lane: u32) -> u32 { ${rawBits(dtype, layout, name)} }`;
  return `${half}
alias Element = ${type};
alias Unit = ${layout === 'vectors' ? 'vec4<u32>' : 'u32'};
const PER_UNIT = ${layout === 'split' ? 2 : 1}u;
${unpack}
${pack}
${RESULT}
${store}
${names.map(load).join('\n')}
${dtype === 'float16' ? '' : names.map(raw).join('\n')}
${type === 'mat2x4<f32>' ? MATRIX_QUOTIENT : quotient('quotient', type)}
`;
}

interface Elements {
  type: string;
  unpack: string;
  pack: string;
  store?: string;
}

const WORD_SINGLE: Elements = {
  type: 'f32',
  unpack: 'fn unpack(bits: u32) -> f32 { return bitcast<f32>(bits); }',
  pack: 'fn pack(value: f32) -> u32 { return bitcast<u32>(value); }',
};

const SINGLE: Record<RowLayout, Elements> = {
  words: WORD_SINGLE,
  // float32 rows are whole words.
  split: WORD_SINGLE,
  vectors: {
    type: 'vec4<f32>',
    unpack: 'fn unpack(bits: vec4<u32>) -> vec4<f32> { return bitcast<vec4<f32>>(bits); }',
    pack: 'fn pack(value: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(value); }',
  },
};

const RESULT = /* wgsl */ `
fn result(i: u32, element: u32) -> Unit {
  let sum = reduced(i, element);
  return with_tiny(pack(sum.value), sum.bits, i, element);
}
`;

const STORE = 'fn store_unit(unit: u32, i: u32) { output[unit + p.output_at] = result(i, unit); }';

/** The word's values belong to two elements; behind the last one stands what is not ours. */
const STORE_SPLIT = /* wgsl */ `
fn store_unit(unit: u32, i: u32) {
  var word = result(2u * i, 2u * unit);
  if (2u * unit + 1u < p.total_elements) {
    word |= result(2u * i + 1u, 2u * unit + 1u) << 16u;
  } else {
    word |= output[unit + p.output_at] & 0xffff0000u;
  }
  output[unit + p.output_at] = word;
}
`;

const HALF: Record<RowLayout, Elements> = {
  split: {
    type: 'f32',
    unpack: 'fn unpack(bits: u32) -> f32 { return widen(bits); }',
    pack: 'fn pack(value: f32) -> u32 { return narrow(value); }',
    store: STORE_SPLIT,
  },
  words: {
    type: 'vec2<f32>',
    unpack: 'fn unpack(bits: u32) -> vec2<f32> { return vec2(widen(bits & 0xffffu), widen(bits >> 16u)); }',
    pack: 'fn pack(value: vec2<f32>) -> u32 { return narrow(value.x) | (narrow(value.y) << 16u); }',
  },
  vectors: {
    // The low halves of the four words, and the high ones.
    type: 'mat2x4<f32>',
    unpack: /* wgsl */ `
fn widen4(bits: vec4<u32>) -> vec4<f32> {
  return vec4(widen(bits.x), widen(bits.y), widen(bits.z), widen(bits.w));
}
fn unpack(bits: vec4<u32>) -> mat2x4<f32> {
  return mat2x4(widen4(bits & vec4(0xffffu)), widen4(bits >> vec4(16u)));
}`,
    pack: /* wgsl */ `
fn narrow4(value: vec4<f32>) -> vec4<u32> {
  return vec4(narrow(value.x), narrow(value.y), narrow(value.z), narrow(value.w));
}
fn pack(value: mat2x4<f32>) -> vec4<u32> { return narrow4(value[0]) | (narrow4(value[1]) << vec4(16u)); }`,
  },
};

function loadWhole(name: string): string {
  return `fn load_${name}(unit: u32) -> Unit { return ${name}[unit + p.${name}_at]; }`;
}

function loadSplit(name: string): string {
  return `fn load_${name}(element: u32) -> Unit {
  return (${name}[element / 2u + p.${name}_at] >> (16u * (element % 2u))) & 0xffffu;
}`;
}

/** Body of a function of an element's number and a value's lane in it: float32 bits, for all but float16. */
function rawBits(dtype: FloatDType, layout: RowLayout, name: string): string {
  const at = (number: string) => `${name}[${number} + p.${name}_at]`;
  if (layout === 'split') return `return (${at('number / 2u')} >> (16u * (number % 2u))) << 16u;`;
  if (dtype === 'float32') return `return ${at('number')}${layout === 'vectors' ? '[lane]' : ''};`;
  // Low halves first.
  if (layout === 'vectors') return `return (${at('number')}[lane % 4u] >> (lane / 4u * 16u)) << 16u;`;
  return `return (${at('number')} >> (16u * lane)) << 16u;`;
}

/** sum / total, corrected once, because WGSL's division may be 2.5 ulp off. */
function quotient(name: string, type: string): string {
  return /* wgsl */ `
fn ${name}(sum: ${type}, total: f32) -> ${type} {
  let first = sum / total;
  let corrected = first + fma(-first, ${type}(total), sum) / total;
  // Where the correction meets an infinity, the first quotient stands.
  return select(first, corrected, abs(first) <= ${type}(3.0e38));
}`;
}

const MATRIX_QUOTIENT = `${quotient('vector_quotient', 'vec4<f32>')}
fn quotient(sum: mat2x4<f32>, total: f32) -> mat2x4<f32> {
  return mat2x4(vector_quotient(sum[0], total), vector_quotient(sum[1], total));
}`;
