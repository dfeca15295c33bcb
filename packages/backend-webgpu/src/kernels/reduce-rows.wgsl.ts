import type { FloatDType } from '@moe-dispatch/core';
import { joined, kernelId, optional, signature } from '../kernel.js';
import type { RowUnit } from './copy-rows.wgsl.js';
import { FLOAT32 } from './float32.wgsl.js';
import { floatChecks, rowFloats } from './row-floats.wgsl.js';
import { type RowLayout, rowUnits } from './row-units.wgsl.js';

/**
 * How far the device's float32 is trusted: for all values; for all but those near the subnormals, which it may flush to
 * zero and which are computed in integers instead; or not at all.
 */
export type Arithmetic = 'floats' | 'normal floats' | 'integers';

export interface ReduceRowsOptions {
  arithmetic: Arithmetic;
  dtype: FloatDType;
  layout: RowLayout;
  /** The number of choices loaded together; divides K. */
  unroll: number;
  /** Whether ffn_out was gathered before: for each choice, a cut as large as the output's. */
  gathered: boolean;
  /** Of each expert, added to its rows; whether it was gathered before. Null without one. */
  bias: { readonly gathered: boolean } | null;
  /** Whether identity experts return the token's row of x. */
  identity: boolean;
}

/** Sums each token's rows times their weights, in order of k. One thread per unit of the output. */
export function reduceRows(options: ReduceRowsOptions) {
  const { arithmetic, dtype, layout, bias, identity } = options;
  const loads = ['ffn_out', ...(bias ? ['ffn2_bias'] : []), ...(identity ? ['x'] : [])];
  return {
    id: kernelId('reduce-rows.wgsl.ts', { ...options, bias: bias ? `gathered=${bias.gathered}` : 'none' }),
    ...reduceSignature(options),
    body: () => /* wgsl */ `
${rowUnits(dtype, layout, loads)}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i < p.output_count) { store_unit(p.output_first + i, i); }
}

fn row_of(token: u32, k: u32) -> u32 {
  return permute_indices_per_token[p.permute_indices_per_token_at + k * p.map_stride + token - p.map_token];
}
fn weight_of(token: u32, k: u32) -> u32 { return weights[p.weights_at + token * p.top_k + k]; }
${bias || identity ? `fn expert_of(token: u32, k: u32) -> u32 { return top_k_indices[p.top_k_indices_at + token * p.top_k + k]; }` : ''}
${identity ? `const NONE = 0xffffffffu;` : ''}
${arithmetic === 'floats' ? '' : inIntegers(options)}
${arithmetic === 'integers' ? ALL_IN_INTEGERS : inFloats(options)}
`,
  };
}

function rowUnit({ layout }: ReduceRowsOptions): RowUnit {
  return layout === 'vectors' ? 'vectors' : 'words';
}

function reduceSignature(options: ReduceRowsOptions) {
  const { bias, identity } = options;
  const unit = rowUnit(options);
  const always = signature(
    { ffn_out: unit, permute_indices_per_token: 'words', weights: 'words', output: `${unit} out` },
    [
      'row_elements',
      'total_elements',
      'top_k',
      'total_rows',
      'minus_zero',
      'map_stride',
      'map_token',
      'experts',
    ],
  );
  const more = joined(optional(bias !== null, { ffn2_bias: unit }), optional(identity, { x: unit }));
  return joined(always, joined(optional(bias !== null || identity, { top_k_indices: 'words' }), more));
}

/** WGSL `exact(i, number)`: a unit of the output, computed value by value. */
function inIntegers({ gathered, bias, identity }: ReduceRowsOptions): string {
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
    ${bias || identity ? `let expert = expert_of(token, k);` : ''}
    ${identity ? `if (row == NONE && expert != NONE) { sum = add(sum, multiply(weight_of(token, k), lane_bits(load_x(number), lane))); }` : ''}
    if (row >= p.total_rows${bias ? ` || expert >= p.experts` : ''}) { continue; }
    var value = lane_bits(load_ffn_out(${source(`row`, 'total_rows', gathered)}), lane);
    ${bias ? `value = add(value, lane_bits(load_ffn2_bias(${source(`expert`, 'experts', bias.gathered)}), lane));` : ''}
    sum = add(sum, multiply(weight_of(token, k), value));
  }
  return sum;
}
`;
}

const ALL_IN_INTEGERS = `fn result(i: u32, number: u32) -> Unit { return exact(i, number); }`;

/** WGSL `result(i, number)`: a unit of the output, the i-th of this cut, with all its values computed at once. */
function inFloats(options: ReduceRowsOptions): string {
  const { arithmetic, dtype, layout, unroll, gathered, bias, identity } = options;
  const checked = arithmetic === 'normal floats';
  const choices = Array.from({ length: unroll }, (_, j) => j);
  const add = (j: number) => `sum += product(term${j}.weight, term${j}.value);`;
  const note = (j: number) =>
    `least = min(least, abs(term${j}.weight)); seen = met(seen, ${bias ? `term${j}.value` : `term${j}.unit`});`;
  return /* wgsl */ `
${rowFloats(dtype, layout)}
${checked ? floatChecks(dtype, layout, bias ? 'sums' : 'rows') : ''}
struct Term { weight: f32, value: Floats, unit: Unit }

// What choice k adds: 0 · 0 if its row or expert is out of range. That changes no sum: sums begin with 0, none is -0.
fn term(i: u32, token: u32, column: u32, k: u32${identity ? `, own: Unit` : ''}) -> Term {
  let row = row_of(token, k);
  ${bias || identity ? `let expert = expert_of(token, k);` : ''}
  ${identity ? `let returned = row == NONE && expert != NONE;` : ''}
  let live = row < p.total_rows${bias ? ` && expert < p.experts` : ''};
  let unit = select(${identity ? `select(Unit(), own, returned)` : `Unit()`}, load_ffn_out(${source(`row`, 'total_rows', gathered)}), live);
  var value = unpack(unit);
  ${bias ? `value += unpack(select(Unit(), load_ffn2_bias(${source(`expert`, 'experts', bias.gathered)}), live));` : ''}
  return Term(select(0.0, bitcast<f32>(weight_of(token, k)), live${identity ? ` || returned` : ''}), value, unit);
}

fn result(i: u32, number: u32) -> Unit {
  let token = number / p.row_elements;
  let column = number - token * p.row_elements;
  var sum = Floats();
  ${checked ? `var least = 1.0; var seen = UNSEEN;` : ''}
  ${identity ? `let own = load_x(number);` : ''}
  for (var k = 0u; k < p.top_k; k += ${unroll}u) {
    ${choices.map((j) => `let term${j} = term(i, token, column, k + ${j}u${identity ? ', own' : ''});`).join('\n')}
    ${choices.map((j) => (checked ? `${add(j)} ${note(j)}` : add(j))).join('\n')}
  }
  ${checked ? `if (least < 0x1p-37f || doubtful(seen) || is_nan(sum)) { return exact(i, number); }` : ''}
  return pack(sum);
}
`;
}

/** The number of the unit to load: in the gathered cuts, or in the whole tensor. */
function source(row: string, rows: string, gathered: boolean): string {
  if (gathered) return `k * p.output_count * PER_UNIT + i`;
  return `min(${row}, p.${rows} - 1u) * p.row_elements + column`;
}
