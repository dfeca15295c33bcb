import type { FloatDType } from '@moe-dispatch/core';
import { kernelId, signature } from '../kernel.js';
import { FLOAT32 } from './float32.wgsl.js';
import type { Arithmetic } from './reduce-rows.wgsl.js';
import { floatChecks, rowFloats } from './row-floats.wgsl.js';
import { type RowLayout, rowUnits } from './row-units.wgsl.js';

export interface WeighRowsOptions {
  arithmetic: Arithmetic;
  dtype: FloatDType;
  layout: RowLayout;
}

/** Multiplies rows by their weights, in place, each product rounded to float32 and to the dtype. One thread a unit. */
export function weighRows(options: WeighRowsOptions) {
  const { arithmetic, dtype, layout } = options;
  const unit = layout === 'vectors' ? 'vectors out' : 'words out';
  return {
    id: kernelId('weigh-rows.wgsl.ts', options),
    ...signature({ output: unit, row_weights: 'words' }, ['row_elements', 'total_elements', 'minus_zero']),
    body: () => /* wgsl */ `
${rowUnits(dtype, layout, ['output'])}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i < p.output_count) { store_unit(p.output_first + i, i); }
}

fn result(i: u32, number: u32) -> Unit {
  return weighed(load_output(number), row_weights[number / p.row_elements + p.row_weights_at]);
}
${arithmetic === 'floats' ? '' : IN_INTEGERS}
${arithmetic === 'integers' ? ALL_IN_INTEGERS : rowFloats(dtype, layout)}
${arithmetic === 'floats' ? IN_FLOATS : ''}
${arithmetic === 'normal floats' ? `${floatChecks(dtype, layout, 'rows')}${CHECKED}` : ''}
`,
  };
}

const IN_INTEGERS = /* wgsl */ `
${FLOAT32}
fn exact(unit: Unit, weight: u32) -> Unit {
  var product = Unit();
  for (var lane = 0u; lane < LANES; lane++) { product |= lane_unit(multiply(weight, lane_bits(unit, lane)), lane); }
  return product;
}
`;

const ALL_IN_INTEGERS = `fn weighed(unit: Unit, weight: u32) -> Unit { return exact(unit, weight); }`;

const IN_FLOATS = `fn weighed(unit: Unit, weight: u32) -> Unit { return pack(product(bitcast<f32>(weight), unpack(unit))); }`;

/** As reduce-rows checks its products. */
const CHECKED = /* wgsl */ `
fn weighed(unit: Unit, weight: u32) -> Unit {
  let value = product(bitcast<f32>(weight), unpack(unit));
  let small = abs(bitcast<f32>(weight)) < 0x1p-37f || doubtful(met(UNSEEN, unit));
  if (small || is_nan(value)) { return exact(unit, weight); }
  return pack(value);
}
`;
