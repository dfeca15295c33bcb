import { type Kernel, kernelId } from '../kernel.js';
import { COPY_ROWS_PARAMS, copyRows } from './copy-rows.wgsl.js';

/**
 * Copies each token's row to the rows that the inverse map [K, T] gives, for rows of whole words. One workgroup per
 * `group_tokens` tokens. x, permuted and the map may be cuts of their tensors.
 */
export function permuteRows(unit: 'words' | 'vectors'): Kernel {
  return {
    id: kernelId('permute-rows.wgsl.ts', { unit }),
    storage: { indices: 'words', x: unit, permuted: `${unit} out` },
    params: [
      'topk_width',
      'total_rows',
      'token_start',
      'indices_first',
      'indices_count',
      ...COPY_ROWS_PARAMS,
    ],
    body: () => /* wgsl */ `
var<workgroup> rows: array<u32, WORKGROUP>;
${copyRows(unit)}
fn run(group: u32, thread: u32) {
  let token0 = p.token_start + group * p.group_tokens;
  if (token0 >= p.tokens) { return; }
  let pairs = min(p.group_tokens, p.tokens - token0) * p.topk_width;
  // Several rounds only where one token has more choices than threads: group_tokens is 1 then.
  for (var first = 0u; first < pairs; first += WORKGROUP) {
    let head = load_unit(token0, thread);
    rows[thread] = row_of(token0, first + thread, pairs);
    workgroupBarrier();
    copy_rows(token0, min(min(p.topk_width, pairs - first), WORKGROUP), thread, head);
    workgroupBarrier();
  }
}

fn row_of(token0: u32, pair: u32, pairs: u32) -> u32 {
  let token = pair / p.topk_width;
  let word = (pair - token * p.topk_width) * p.tokens + token0 + token;
  if (pair >= pairs || word - p.indices_first >= p.indices_count) { return NOWHERE; }
  let row = indices[word + p.indices_at];
  return select(NOWHERE, row, row < p.total_rows);
}
`,
  };
}
