import type { FloatDType } from '@moe-dispatch/core';
import { type Kernel, kernelId } from '../kernel.js';
import { FLOAT32 } from './float32.wgsl.js';
import { floatChecks, rowFloats } from './row-floats.wgsl.js';
import { type RowLayout, rowUnits } from './row-units.wgsl.js';

/**
 * How far the device's float32 is trusted: with all values; where nothing comes near the subnormals, which it may
 * flush to zero, with integers for the rest; or not at all.
 */
export type Arithmetic = 'floats' | 'normal floats' | 'integers';

export interface ReduceRowsOptions {
  arithmetic: Arithmetic;
  dtype: FloatDType;
  layout: RowLayout;
  /** Choices loaded together; divides K. */
  unroll: number;
  bias: boolean;
  /** Whether ffn_out, or the bias, was gathered before: for each choice, a cut as large as the output's. */
  gathered: boolean;
  gatheredBias: boolean;
}

/** Sums each token's rows by their weights, in order of k: one thread per unit of the output. */
export function reduceRows(options: ReduceRowsOptions): Kernel {
  const { arithmetic, dtype, layout, bias } = options;
  const unit = layout === 'vectors' ? 'vectors' : 'words';
  return {
    id: kernelId('reduce-rows.wgsl.ts', options),
    storage: {
      ffn_out: unit,
      indices: 'words',
      weights: 'words',
      ...(bias && { topk: 'words', bias: unit }),
      output: `${unit} out`,
    },
    params: [
      ...['row_elements', 'total_elements', 'topk_width', 'total_rows', 'experts', 'zero'],
      ...['first_unit', 'units', 'indices_stride', 'indices_token'],
    ],
    body: () => /* wgsl */ `
${rowUnits(dtype, layout, bias ? ['ffn_out', 'bias'] : ['ffn_out'])}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i < p.units) { store_unit(p.first_unit + i, i); }
}

fn row_of(token: u32, k: u32) -> u32 {
  return indices[p.indices_at + k * p.indices_stride + token - p.indices_token];
}
fn weight_of(token: u32, k: u32) -> u32 { return weights[p.weights_at + token * p.topk_width + k]; }
${bias ? 'fn expert_of(token: u32, k: u32) -> u32 { return topk[p.topk_at + token * p.topk_width + k]; }' : ''}
${arithmetic === 'floats' ? '' : inIntegers(options)}
${arithmetic === 'integers' ? ALL_IN_INTEGERS : inFloats(options)}
`,
  };
}

/** `exact(i, number)`: a unit of the output, value by value. */
function inIntegers({ bias, gathered, gatheredBias }: ReduceRowsOptions): string {
  return /* wgsl */ `
${FLOAT32}
fn exact(i: u32, number: u32) -> Unit {
  var unit = Unit();
  for (var lane = 0u; lane < LANES; lane++) { unit |= lane_unit(exact_sum(i, number, lane), lane); }
  return unit;
}

fn exact_sum(i: u32, number: u32, lane: u32) -> u32 {
  let token = number / p.row_elements;
  let column = number - token * p.row_elements;
  var sum = 0u;
  for (var k = 0u; k < p.topk_width; k++) {
    let row = row_of(token, k);
    ${bias ? 'let expert = expert_of(token, k);' : ''}
    if (row >= p.total_rows${bias ? ' || expert >= p.experts' : ''}) { continue; }
    var value = lane_bits(load_ffn_out(${source('row', 'total_rows', gathered)}), lane);
    ${bias ? `value = add(value, lane_bits(load_bias(${source('expert', 'experts', gatheredBias)}), lane));` : ''}
    sum = add(sum, multiply(weight_of(token, k), value));
  }
  return sum;
}
`;
}

const ALL_IN_INTEGERS = 'fn result(i: u32, number: u32) -> Unit { return exact(i, number); }';

/** `result(i, number)`: a unit of the output, number i in this cut, with all its values at once. */
function inFloats(options: ReduceRowsOptions): string {
  const { arithmetic, dtype, layout, unroll, bias, gathered } = options;
  const choices = Array.from({ length: unroll }, (_, j) => j);
  const checked = arithmetic === 'normal floats';
  return /* wgsl */ `
${rowFloats(dtype, layout)}
${checked ? floatChecks(dtype, layout) : ''}
struct Term { live: bool, weight: f32, value: Floats }

// What choice k adds; nothing where its row or expert is out of range.
fn term(i: u32, token: u32, column: u32, k: u32) -> Term {
  let row = row_of(token, k);
  var live = row < p.total_rows;
  var value = unpack(load_ffn_out(${source('row', 'total_rows', gathered)}));
  ${bias ? addBias(options) : ''}
  return Term(live, bitcast<f32>(weight_of(token, k)), value);
}

fn result(i: u32, number: u32) -> Unit {
  let token = number / p.row_elements;
  let column = number - token * p.row_elements;
  var sum = fixed(Floats());
  ${checked ? 'var least = LARGE;' : ''}
  for (var k = 0u; k < p.topk_width; k += ${unroll}u) {
    ${choices.map((j) => `let term${j} = term(i, token, column, k + ${j}u);`).join('\n    ')}
    ${choices.map((j) => addTerm(`term${j}`, bias, checked)).join('\n    ')}
  }
  ${checked ? 'if (doubtful(least, sum)) { return exact(i, number); }' : ''}
  return pack(sum);
}
`;
}

function addBias({ gatheredBias }: ReduceRowsOptions): string {
  return `let expert = expert_of(token, k);
    live = live && expert < p.experts;
    value = fixed(value + unpack(load_bias(${source('expert', 'experts', gatheredBias)})));`;
}

function addTerm(term: string, bias: boolean, checked: boolean): string {
  const product = `fixed(${term}.weight * ${term}.value)`;
  if (!checked) return `if (${term}.live) { sum = fixed(sum + ${product}); }`;
  return `if (${term}.live) {
      let product = ${product};
      sum = fixed(sum + product);
      ${bias ? `least = smaller(least, ${term}.value);` : ''}
      least = smaller(least, product);
    }`;
}

/** The number of the unit to load: in the gathered cut of choice k, or in the row of the whole tensor. */
function source(row: string, rows: string, gathered: boolean): string {
  if (gathered) return 'k * p.units * PER_UNIT + i';
  return `min(${row}, p.${rows} - 1u) * p.row_elements + column`;
}
