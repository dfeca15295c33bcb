import type { FloatDType } from '@moe-dispatch/core';
import { halfFloats } from './half-floats.wgsl.js';

/**
 * How rows lie in the units that the shader loads: whole `vectors` of four words, whole `words`, or `split`, where
 * a word of two 16-bit values can belong to two rows.
 */
export type RowLayout = 'vectors' | 'words' | 'split';

/**
 * WGSL to take rows apart: `Unit`, the bits that are treated alike, of which one load has PER_UNIT;
 * `load_<name>(number)`, which loads a Unit, for each buffer of `names`; `lane_bits(unit, lane)`, one of the LANES
 * values of a unit as float32 bits; `lane_unit(bits, lane)`, which puts a value back among zeros; and
 * `store_unit(unit, i)`, which stores what `result(i, number)` gives for a Unit.
 */
export function rowUnits(dtype: FloatDType, layout: RowLayout, names: readonly string[]): string {
  const half = dtype !== 'float32';
  const vectors = layout === 'vectors';
  const split = half && layout === 'split';
  const perWord = half && !split ? 2 : 1;
  const word = vectors ? `unit[lane / ${perWord}u]` : `unit`;
  const shift = perWord === 2 ? `(16u * (lane % 2u))` : `0u`;
  const bits = half ? `widen((${word} >> ${shift}) & 0xffffu)` : word;
  const value = half ? `(narrow(bits) << ${shift})` : `bits`;
  const place = `select(vec4(), vec4(${value}), vec4(0u, 1u, 2u, 3u) == vec4(lane / ${perWord}u))`;
  return /* wgsl */ `
${half ? halfFloats(dtype) : ''}
alias Unit = ${vectors ? 'vec4<u32>' : 'u32'};
const PER_UNIT = ${split ? 2 : 1}u;
const LANES = ${(vectors ? 4 : 1) * perWord}u;
fn lane_bits(unit: Unit, lane: u32) -> u32 { return ${bits}; }
fn lane_unit(bits: u32, lane: u32) -> Unit { return ${vectors ? place : value}; }
${split ? STORE_SPLIT : STORE}
${names.map(split ? loadSplit : loadWhole).join('\n')}
`;
}

const STORE = `fn store_unit(unit: u32, i: u32) { output[unit + p.output_at] = result(i, unit); }`;

/** The word's two values belong to two units; what lies past the last unit is not ours. */
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

function loadWhole(name: string): string {
  return `fn load_${name}(number: u32) -> Unit { return ${name}[number + p.${name}_at]; }`;
}

function loadSplit(name: string): string {
  return `fn load_${name}(number: u32) -> Unit {
  return (${name}[number / 2u + p.${name}_at] >> (16u * (number % 2u))) & 0xffffu;
}`;
}
