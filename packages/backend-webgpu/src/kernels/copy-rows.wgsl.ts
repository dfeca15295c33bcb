/**
 * Copies the rows of `p.group_tokens` tokens from `token0` on: reads each once and writes it to `picks` rows, which
 * stand in `rows[token · picks + k]`; NOWHERE is not written. `head` is the thread's first unit, loaded before the
 * rows are known; each next one is loaded ahead of the writes. x and permuted may be cuts of their tensors.
 */
export function copyRows(unit: 'words' | 'vectors'): string {
  return /* wgsl */ `
const NOWHERE = 0xffffffffu;
alias CopyUnit = ${unit === 'vectors' ? 'vec4<u32>' : 'u32'};

fn load_unit(token0: u32, i: u32) -> CopyUnit {
  let unit = token0 * p.row_units + i;
  if (unit >= p.tokens * p.row_units || unit - p.x_first >= p.x_count) { return CopyUnit(); }
  return x[unit + p.x_at];
}

fn copy_rows(token0: u32, picks: u32, thread: u32, head: CopyUnit) {
  let tokens = min(p.group_tokens, p.tokens - token0);
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
    if (row != NOWHERE && target_unit - p.permuted_first < p.permuted_count) {
      permuted[target_unit + p.permuted_at] = value;
    }
  }
}
`;
}

export const COPY_ROWS_PARAMS = [
  'tokens',
  'group_tokens',
  'row_units',
  'x_first',
  'x_count',
  'permuted_first',
  'permuted_count',
];
