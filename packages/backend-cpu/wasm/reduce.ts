/* Sums each token's rows (docs/semantics.md, "moeReduce"). src/reduce.ts says the same. */
import { elementBytes, FLOAT32, load4, narrow, widen } from './floats';
import { field, floatField } from './job';

/** Columns that are summed together: those of all a token's rows stay in the nearest cache. */
const COLUMNS: i32 = 256;
/** What as many float32 and what a kernel reads beyond them take. */
const PIECE: usize = 4 * COLUMNS + 64;
/** A term: addresses of its row, of its bias or 0, and of the present columns; its weight. */
const TERM: usize = 16;

/** The sums of some tokens. The workspace takes a piece, and a term and a piece for each choice. */
export function reduce(first: i32, last: i32, workspace: usize): void {
  const hidden = <i32>field(14);
  const dtype = <i32>field(15);
  const rowBytes = <usize>hidden * elementBytes(dtype);
  const terms = workspace + PIECE;
  for (let token = <usize>first; token < <usize>last; token++) {
    const end = findTerms(token, rowBytes, terms);
    const output: usize = field(7) + token * rowBytes;
    for (let column = 0; column < hidden; column += COLUMNS) {
      const count = min(COLUMNS, hidden - column);
      const at = <usize>column * elementBytes(dtype);
      findColumns(terms, end, at, count, dtype, workspace);
      sumColumns(terms, end, count, field(11) ? FLOAT32 : dtype, workspace);
      narrow(workspace, count, dtype);
      memory.copy(output + at, workspace, <usize>count * elementBytes(dtype));
    }
  }
}

/** Lists what a token's sum is of. Returns the end of the list. */
function findTerms(token: usize, rowBytes: usize, term: usize): usize {
  const tokens: usize = field(2);
  const topK: usize = field(13);
  const bias: usize = field(11);
  const x: usize = field(12);
  const factor = floatField(18);
  const end: usize = field(10) + 4 * (token + 1) * topK;
  const firstScale = end - 4 * topK;
  let sum: f32 = 0;
  if (field(16)) for (let at = firstScale; at < end; at += 4) sum += load<f32>(at);
  let place: usize = field(8) + 4 * token;
  let choice: usize = field(9) + 4 * token * topK;
  for (let at = firstScale; at < end; at += 4) {
    let weight = field(17) ? <f32>1 : load<f32>(at);
    if (field(16)) weight = sum == 0 ? 0 : weight / sum;
    store<f32>(term, weight * factor, 12);
    const row = load<i32>(place);
    const expert = load<i32>(choice);
    if (row >= 0) {
      store<u32>(term, field(6) + <usize>row * rowBytes);
      store<u32>(term, bias ? bias + <usize>expert * rowBytes : 0, 4);
      term += TERM;
    } else if (x != 0 && expert >= 0) {
      store<u32>(term, x + token * rowBytes);
      store<u32>(term, 0, 4);
      term += TERM;
    }
    place += 4 * tokens;
    choice += 4;
  }
  return term;
}

/** Finds the columns from `at` bytes on of each term: where they are, or with biases as float32 after the terms. */
function findColumns(term: usize, end: usize, at: usize, count: i32, dtype: i32, workspace: usize): void {
  let piece = end;
  for (; term < end; term += TERM) {
    let values: usize = load<u32>(term) + at;
    const bias: usize = load<u32>(term, 4);
    if (field(11)) values = widen(values, count, dtype, piece);
    if (bias) {
      addBias(values, widen(bias + at, count, dtype, workspace), count, piece);
      values = piece;
    }
    store<u32>(term, values, 8);
    piece += PIECE;
  }
}

function addBias(row: usize, bias: usize, count: i32, to: usize): void {
  for (const end = to + (<usize>count << 2); to < end; to += 16) {
    v128.store(to, f32x4.add(v128.load(row), v128.load(bias)));
    row += 16;
    bias += 16;
  }
}

/** Sums eight columns at a time, in the terms' order. */
function sumColumns(terms: usize, end: usize, count: i32, dtype: i32, sums: usize): void {
  const step = 8 * elementBytes(dtype);
  const last = sums + (<usize>count << 2);
  for (let at: usize = 0; sums < last; at += step) {
    let a = f32x4.splat(0);
    let b = a;
    for (let term = terms; term < end; term += TERM) {
      const row: usize = load<u32>(term, 8) + at;
      const weight = v128.load32_splat(term, 12);
      a = f32x4.add(a, f32x4.mul(weight, load4(row, dtype)));
      b = f32x4.add(b, f32x4.mul(weight, load4(row + (step >> 1), dtype)));
    }
    v128.store(sums, a);
    v128.store(sums, b, 16);
    sums += 32;
  }
}
