/* Sums each token's rows (docs/semantics.md, "moeReduce"). src/reduce.ts says the same. */
import { elementBytes, narrow, widen } from './floats';
import { field, floatField } from './job';

/** Columns that are summed together: all that takes stays in the nearest cache. */
const COLUMNS: i32 = 1024;

/** The sums of some tokens. The workspace takes 12 bytes for each choice, and 12 KiB and 256 bytes. */
export function reduce(first: i32, last: i32, workspace: usize): void {
  const tokens: usize = field(2);
  const topK: usize = field(13);
  const hidden = <i32>field(14);
  const dtype = <i32>field(15);
  const rowBytes = <usize>hidden * elementBytes(dtype);
  for (let token = <usize>first; token < <usize>last; token++) {
    const end = findTerms(token, tokens, topK, rowBytes, workspace);
    sumTerms(workspace, end, field(7) + token * rowBytes, hidden, dtype);
  }
}

/** Lists what a token's sum is of: addresses of a row and its bias or 0, and a weight. Returns the end of the list. */
function findTerms(token: usize, tokens: usize, topK: usize, rowBytes: usize, term: usize): usize {
  const bias: usize = field(11);
  const x: usize = field(12);
  const normTopkProb = field(16);
  const unweighted = field(17);
  const factor = floatField(18);
  const firstScale: usize = field(10) + 4 * token * topK;
  let sum: f32 = 0;
  for (let k: usize = 0; k < topK; k++) sum += load<f32>(firstScale + 4 * k);
  for (let k: usize = 0; k < topK; k++) {
    const scale = unweighted ? <f32>1 : load<f32>(firstScale + 4 * k);
    const share = normTopkProb ? (sum == 0 ? <f32>0 : scale / sum) : scale;
    const row = load<i32>(field(8) + 4 * (k * tokens + token));
    const expert = load<i32>(field(9) + 4 * (token * topK + k));
    store<f32>(term, share * factor, 8);
    if (row >= 0) {
      store<u32>(term, field(6) + <usize>row * rowBytes);
      store<u32>(term, bias ? bias + <usize>expert * rowBytes : 0, 4);
      term += 12;
    } else if (x != 0 && expert >= 0) {
      store<u32>(term, x + token * rowBytes);
      store<u32>(term, 0, 4);
      term += 12;
    }
  }
  return term;
}

/** Sums the terms, some columns at a time: what comes before and after the last of them stays as it is. */
function sumTerms(terms: usize, end: usize, output: usize, hidden: i32, dtype: i32): void {
  const sums = end + 64;
  const row = sums + 4 * COLUMNS + 64;
  const bias = row + 4 * COLUMNS + 64;
  const bytes = elementBytes(dtype);
  for (let column = 0; column < hidden; column += COLUMNS) {
    const count = min(COLUMNS, hidden - column);
    const at = <usize>column * bytes;
    memory.fill(sums, 0, (<usize>count << 2) + 48);
    for (let term = terms; term < end; term += 12) {
      const values = widen(<usize>load<u32>(term) + at, count, dtype, row);
      const biasRow: usize = load<u32>(term, 4);
      const weight = v128.load32_splat(term, 8);
      if (biasRow) addBiased(sums, count, weight, values, widen(biasRow + at, count, dtype, bias));
      else add(sums, count, weight, values);
    }
    narrow(sums, count, dtype, row);
    memory.copy(output + at, row, <usize>count * bytes);
  }
}

function addBiased(sums: usize, count: i32, weight: v128, row: usize, bias: usize): void {
  for (const end = sums + (<usize>count << 2); sums < end; sums += 16) {
    const value = f32x4.add(v128.load(row), v128.load(bias));
    v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(weight, value)));
    row += 16;
    bias += 16;
  }
}

function add(sums: usize, count: i32, weight: v128, row: usize): void {
  for (const end = sums + (<usize>count << 2); sums < end; sums += 64) {
    v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(weight, v128.load(row))));
    v128.store(sums, f32x4.add(v128.load(sums, 16), f32x4.mul(weight, v128.load(row, 16))), 16);
    v128.store(sums, f32x4.add(v128.load(sums, 32), f32x4.mul(weight, v128.load(row, 32))), 32);
    v128.store(sums, f32x4.add(v128.load(sums, 48), f32x4.mul(weight, v128.load(row, 48))), 48);
    row += 64;
  }
}
