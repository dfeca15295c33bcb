import type { FloatDType } from '@moe-dispatch/core';
import { joined, type Kernel, kernelId, type Signature, signature } from '../kernel.js';
import type { RowUnit } from './copy-rows.wgsl.js';
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
  /** Whether ffn_out was gathered before: for each choice, a cut as large as the output's. */
  gathered: boolean;
}

/** The bias, or undefined without one. */
type Bias = { /** Whether the bias was gathered before. */ readonly gathered: boolean } | undefined;

/** Sums each token's rows by their weights, in order of k: one thread per unit of the output. */
export function reduceRows(options: ReduceRowsOptions) {
  return variant(options, reduceSignature(rowUnit(options)), undefined);
}

/** `reduceRows`, which adds the bias of each choice's expert to its row. */
export function reduceRowsWithBias({
  gatheredBias,
  ...options
}: ReduceRowsOptions & { gatheredBias: boolean }) {
  const unit = rowUnit(options);
  const takes = joined(
    reduceSignature(unit),
    signature({ top_k_indices: 'words', ffn2_bias: unit }, ['experts']),
  );
  return variant(options, takes, { gathered: gatheredBias });
}

function rowUnit({ layout }: ReduceRowsOptions): RowUnit {
  return layout === 'vectors' ? 'vectors' : 'words';
}

function reduceSignature(unit: RowUnit) {
  return signature(
    { ffn_out: unit, permute_indices_per_token: 'words', weights: 'words', output: `${unit} out` },
    [
      'row_elements',
      'total_elements',
      'top_k',
      'total_rows',
      'zero',
      'first_unit',
      'units',
      'map_stride',
      'map_token',
    ],
  );
}

function variant<Binding extends string, Param extends string>(
  options: ReduceRowsOptions,
  takes: Signature<Binding, Param>,
  bias: Bias,
): Kernel<Binding, Param> {
  const { arithmetic, dtype, layout } = options;
  return {
    id: kernelId('reduce-rows.wgsl.ts', { ...options, bias: bias ? `gathered=${bias.gathered}` : 'none' }),
    ...takes,
    body: () => /* wgsl */ `
${rowUnits(dtype, layout, bias ? ['ffn_out', 'ffn2_bias'] : ['ffn_out'])}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i < p.units) { store_unit(p.first_unit + i, i); }
}

fn row_of(token: u32, k: u32) -> u32 {
  return permute_indices_per_token[p.permute_indices_per_token_at + k * p.map_stride + token - p.map_token];
}
fn weight_of(token: u32, k: u32) -> u32 { return weights[p.weights_at + token * p.top_k + k]; }
${bias ? 'fn expert_of(token: u32, k: u32) -> u32 { return top_k_indices[p.top_k_indices_at + token * p.top_k + k]; }' : ''}
${arithmetic === 'floats' ? '' : inIntegers(options, bias)}
${arithmetic === 'integers' ? ALL_IN_INTEGERS : inFloats(options, bias)}
`,
  };
}

/** `exact(i, number)`: a unit of the output, value by value. */
function inIntegers({ gathered }: ReduceRowsOptions, bias: Bias): string {
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
  for (var k = 0u; k < p.top_k; k++) {
    let row = row_of(token, k);
    ${bias ? 'let expert = expert_of(token, k);' : ''}
    if (row >= p.total_rows${bias ? ' || expert >= p.experts' : ''}) { continue; }
    var value = lane_bits(load_ffn_out(${source('row', 'total_rows', gathered)}), lane);
    ${bias ? `value = add(value, lane_bits(load_ffn2_bias(${source('expert', 'experts', bias.gathered)}), lane));` : ''}
    sum = add(sum, multiply(weight_of(token, k), value));
  }
  return sum;
}
`;
}

const ALL_IN_INTEGERS = 'fn result(i: u32, number: u32) -> Unit { return exact(i, number); }';

/** `result(i, number)`: a unit of the output, number i in this cut, with all its values at once. */
function inFloats(options: ReduceRowsOptions, bias: Bias): string {
  const { arithmetic, dtype, layout, unroll, gathered } = options;
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
  ${bias ? addBias(bias.gathered) : ''}
  return Term(live, bitcast<f32>(weight_of(token, k)), value);
}

fn result(i: u32, number: u32) -> Unit {
  let token = number / p.row_elements;
  let column = number - token * p.row_elements;
  var sum = fixed(Floats());
  ${checked ? 'var least = LARGE;' : ''}
  for (var k = 0u; k < p.top_k; k += ${unroll}u) {
    ${choices.map((j) => `let term${j} = term(i, token, column, k + ${j}u);`).join('\n    ')}
    ${choices.map((j) => addTerm(`term${j}`, bias !== undefined, checked)).join('\n    ')}
  }
  ${checked ? 'if (doubtful(least, sum)) { return exact(i, number); }' : ''}
  return pack(sum);
}
`;
}

function addBias(gathered: boolean): string {
  return `let expert = expert_of(token, k);
    live = live && expert < p.experts;
    value = fixed(value + unpack(load_ffn2_bias(${source('expert', 'experts', gathered)})));`;
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
