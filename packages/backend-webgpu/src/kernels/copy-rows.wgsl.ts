import { signature } from '../kernel.js';

/** How rows are copied: word by word, or four words at a time. */
export type RowUnit = 'words' | 'vectors';

/**
 * Copies the rows of `p.workgroup_tokens` tokens, starting at `token0`: reads each row once and writes it to the
 * `picks` rows `rows[token · picks + k]`, except to NOWHERE. `head` is the thread's first unit, loaded before the rows
 * are known; each later unit is loaded before the previous one is written. x and permute_input may be cuts of their
 * tensors. The kernel has the params `tokens` and `workgroup_tokens` in addition to those of `copySignature`.
 */
export function copyRows(unit: RowUnit): string {
  return /* wgsl */ `
const NOWHERE = 0xffffffffu;
alias CopyUnit = ${unit === 'vectors' ? 'vec4<u32>' : 'u32'};

fn load_unit(token0: u32, i: u32) -> CopyUnit {
  let unit = token0 * p.row_units + i;
  if (unit >= p.tokens * p.row_units || unit - p.x_first >= p.x_count) { return CopyUnit(); }
  return x[unit + p.x_at];
}

fn copy_rows(token0: u32, picks: u32, thread: u32, head: CopyUnit) {
  let tokens = min(p.workgroup_tokens, p.tokens - token0);
  let units = tokens * p.row_units;
  var value = head;
  for (var i = thread; i < units; i += WORKGROUP) {
    var next = CopyUnit();
    if (i + WORKGROUP < units) { next = load_unit(token0, i + WORKGROUP); }
    if (token0 * p.row_units + i - p.x_first < p.x_count) {
      let token = i / p.row_units;
      write_unit(value, token * picks, picks, i - token * p.row_units);
    }
    value = next;
  }
}

fn write_unit(value: CopyUnit, first: u32, picks: u32, column: u32) {
  for (var k = 0u; k < picks; k++) {
    let row = rows[first + k];
    let target_unit = row * p.row_units + column;
    if (row != NOWHERE && target_unit - p.permute_input_first < p.permute_input_count) {
      permute_input[target_unit + p.permute_input_at] = value;
    }
  }
}
`;
}

export function copySignature(unit: RowUnit) {
  return signature({ x: unit, permute_input: `${unit} out` }, ['row_units']);
}
