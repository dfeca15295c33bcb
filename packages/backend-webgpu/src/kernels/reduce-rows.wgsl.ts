import type { FloatDType } from '@moe-dispatch/core';
import { type Kernel, kernelId } from '../kernel.js';
import { type RowLayout, rowElements } from './row-elements.wgsl.js';
import { tinySums } from './tiny-sums.wgsl.js';

export interface ReduceRowsOptions {
  dtype: FloatDType;
  layout: RowLayout;
  /** Choices loaded together; divides K. */
  unroll: number;
  bias: boolean;
  norm: boolean;
  /** Whether ffn_out, or the bias, was gathered before: for each choice, a cut as large as the output's. */
  gathered: boolean;
  gatheredBias: boolean;
}

/** Sums each token's rows by their scales, in order of k: one thread per unit of the output. */
export function reduceRows(options: ReduceRowsOptions): Kernel {
  const { dtype, layout, unroll, bias, norm, gathered, gatheredBias } = options;
  const unit = layout === 'vectors' ? 'vectors' : 'words';
  const choices = Array.from({ length: unroll }, (_, j) => j);
  return {
    id: kernelId('reduce-rows.wgsl.ts', options),
    storage: {
      ffn_out: unit,
      indices: 'words',
      scales: 'words',
      ...(bias && { topk: 'words', bias: unit }),
      output: `${unit} out`,
    },
    params: [
      ...['row_elements', 'total_elements', 'topk_width', 'total_rows', 'experts', 'factor'],
      ...['first_unit', 'units', 'indices_stride', 'indices_token'],
    ],
    body: () => /* wgsl */ `
${rowElements(dtype, layout, bias ? ['ffn_out', 'bias'] : ['ffn_out'])}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i < p.units) { store_unit(p.first_unit + i, i); }
}

struct Term { live: bool, scale: f32, value: Element, bits: Unit }

// What choice k adds; nothing where its row or expert is out of range.
fn term(i: u32, token: u32, column: u32, k: u32) -> Term {
  let row = indices[p.indices_at + k * p.indices_stride + token - p.indices_token];
  var live = row < p.total_rows;
  var bits = load_ffn_out(${source('row', 'total_rows', gathered)});
  var value = unpack(bits);
  ${bias ? addBias(gatheredBias) : ''}
  return Term(live, scale(token, k), value, bits);
}

// The sum, and the bits of all that was added with another scale than 0, one over the other.
struct Sum { value: Element, bits: Unit }

// One element of the output: number i in this cut, and where it is.
fn reduced(i: u32, element: u32) -> Sum {
  let token = element / p.row_elements;
  let column = element - token * p.row_elements;
  var sum = Element();
  var bits = Unit();
  for (var k = 0u; k < p.topk_width; k += ${unroll}u) {
    ${choices.map((j) => `let term${j} = term(i, token, column, k + ${j}u);`).join('\n    ')}
    ${choices.map(addTerm).join('\n    ')}
  }
  ${norm ? 'sum = divided(sum, scale_total(token));' : ''}
  return Sum(bitcast<f32>(p.factor) * sum, bits);
}

fn scale(token: u32, k: u32) -> f32 {
  return bitcast<f32>(scales[p.scales_at + token * p.topk_width + k]);
}
${norm ? NORM : ''}
${tinySums(dtype, layout, {
  ffnOut: source('row', 'total_rows', gathered),
  bias: bias ? source('expert', 'experts', gatheredBias) : undefined,
  norm,
})}
`,
  };
}

function addBias(gathered: boolean): string {
  return `let expert = topk[p.topk_at + token * p.topk_width + k];
    live = live && expert < p.experts;
    let bias_bits = load_bias(${source('expert', 'experts', gathered)});
    value += unpack(bias_bits);
    bits |= bias_bits;`;
}

function addTerm(j: number): string {
  return `if (term${j}.live) { sum += term${j}.scale * term${j}.value; }
    if (term${j}.live && (bitcast<u32>(term${j}.scale) & 0x7fffffffu) != 0u) { bits |= term${j}.bits; }`;
}

/** The number of the element to load: in the gathered cut of choice k, or in the row of the whole tensor. */
function source(row: string, rows: string, gathered: boolean): string {
  if (gathered) return 'k * p.units * PER_UNIT + i';
  return `min(${row}, p.${rows} - 1u) * p.row_elements + column`;
}

const NORM = /* wgsl */ `
fn scale_total(token: u32) -> f32 {
  var total = 0.0;
  for (var k = 0u; k < p.topk_width; k++) { total += scale(token, k); }
  return total;
}

fn divided(sum: Element, total: f32) -> Element {
  if (total == 0.0) { return Element(); }
  return quotient(sum, total);
}
`;
