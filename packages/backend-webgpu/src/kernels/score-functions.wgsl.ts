import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { FLOAT32 } from './float32.wgsl.js';
import { EXP_NEG, SIGMOID, SQRTSOFTPLUS } from './scores.wgsl.js';

/**
 * WGSL `score(bits, row)`: the score of a cleaned logit, as bits. Softmax needs to know the row that it is of: its largest
 * logit and the sum over all of them, `Row`. With FLOAT32.
 */
export function scoreFunction(scoringFunc: ScoringFunc): string {
  return /* wgsl */ `
${FLOAT32}
struct Row { maximum: u32, low: u32, high: u32 }

// add, quicker.
fn plus(a: u32, b: u32) -> u32 {
  // From 2^-100 on neither they nor their sum is subnormal.
  if (TRUSTED && min(a & SIZE, b & SIZE) >= 0x0d800000u) {
    return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b));
  }
  return add(a, b);
}
${FUNCTIONS[scoringFunc]}
`;
}

const SOFTMAX = /* wgsl */ `
${EXP_NEG}
// exp(logit - maximum) as exp_neg gives it.
fn power(bits: u32, maximum: u32) -> vec2<u32> { return exp_neg(distance(bits, maximum)); }

fn distance(bits: u32, maximum: u32) -> u32 {
  // A device may take subnormals for 0; the power of a distance so small is 1 either way.
  if (TRUSTED) { return bitcast<u32>(bitcast<f32>(maximum) - bitcast<f32>(bits)) & SIZE; }
  return add(bits, maximum ^ 0x80000000u) & SIZE;
}

// What it adds to the sum, in units of 2^-31: its upper and lower half. Sums of 65536 halves stay below 2^32.
fn term(bits: u32, maximum: u32) -> vec2<u32> {
  let e = power(bits, maximum);
  let value = shifted_right(e.x, e.y);
  return vec2(value >> 16u, value & 0xffffu);
}

fn softmax_row(maximum: u32, sums: vec2<u32>) -> Row {
  let low = (sums.x << 16u) + sums.y;
  return Row(maximum, low, (sums.x >> 16u) + u32(low < sums.y));
}

fn score(bits: u32, row: Row) -> u32 {
  let e = power(bits, row.maximum);
  return quotient32(e.x, row.low, row.high, e.y);
}
`;

const FUNCTIONS: { readonly [Func in ScoringFunc]: string } = {
  softmax: SOFTMAX,
  sigmoid: `${EXP_NEG}${SIGMOID} fn score(bits: u32, row: Row) -> u32 { return sigmoid(bits); }`,
  sqrtsoftplus: `${EXP_NEG}${SQRTSOFTPLUS} fn score(bits: u32, row: Row) -> u32 { return sqrtsoftplus(bits); }`,
  none: `fn score(bits: u32, row: Row) -> u32 { return bits; }`,
};
