/**
 * Copies the rows of `p.group_tokens` tokens from `token0` on: reads each once and writes it to `picks` rows, which
 * stand in `rows[token · picks + k]`; NOWHERE is not written. x and permuted may be cuts of their tensors.
 */
export const COPY_ROWS = /* wgsl */ `
const NOWHERE = 0xffffffffu;

fn copy_rows(token0: u32, picks: u32, thread: u32) {
  let tokens = min(p.group_tokens, p.tokens - token0);
  for (var i = thread; i < tokens * p.row_units; i += WORKGROUP) {
    let token = i / p.row_units;
    let column = i - token * p.row_units;
    let unit = token0 * p.row_units + i;
    if (unit - p.x_first >= p.x_count) { continue; }
    let value = x[unit + p.x_at];
    for (var k = 0u; k < picks; k++) {
      let row = rows[token * picks + k];
      let target_unit = row * p.row_units + column;
      if (row != NOWHERE && target_unit - p.permuted_first < p.permuted_count) {
        permuted[target_unit + p.permuted_at] = value;
      }
    }
  }
}
`;

export const COPY_ROWS_PARAMS = [
  'tokens',
  'group_tokens',
  'row_units',
  'x_first',
  'x_count',
  'permuted_first',
  'permuted_count',
];
