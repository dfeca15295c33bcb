import { joined, kernelId, signature } from '../kernel.js';
import { copyRows, copySignature, type RowUnit } from './copy-rows.wgsl.js';

const SIGNATURE = signature({ permute_indices_per_token: 'words' }, [
  'top_k',
  'total_rows',
  'tokens',
  'workgroup_tokens',
  'token_start',
]);

/**
 * Copies each token's row to the rows that the inverse map [K, T] names; rows are whole words. One workgroup per
 * `workgroup_tokens` tokens. x, permute_input and the map may be cuts of their tensors.
 */
export function moveRows(unit: RowUnit) {
  return {
    id: kernelId('move-rows.wgsl.ts', { unit }),
    ...joined(SIGNATURE, copySignature(unit)),
    body: () => /* wgsl */ `
var<workgroup> rows: array<u32, WORKGROUP>;
${copyRows(unit)}
fn run(group: u32, thread: u32) {
  let token0 = p.token_start + group * p.workgroup_tokens;
  if (token0 >= p.tokens) { return; }
  let pairs = min(p.workgroup_tokens, p.tokens - token0) * p.top_k;
  // More than one round only if a token has more choices than there are threads; workgroup_tokens is 1 then.
  for (var first = 0u; first < pairs; first += WORKGROUP) {
    let head = load_unit(token0, thread);
    rows[thread] = row_of(token0, first + thread, pairs);
    workgroupBarrier();
    copy_rows(token0, min(min(p.top_k, pairs - first), WORKGROUP), thread, head);
    workgroupBarrier();
  }
}

fn row_of(token0: u32, pair: u32, pairs: u32) -> u32 {
  let token = pair / p.top_k;
  let word = (pair - token * p.top_k) * p.tokens + token0 + token;
  if (pair >= pairs || word - p.permute_indices_per_token_first >= p.permute_indices_per_token_count) { return NOWHERE; }
  let row = permute_indices_per_token[word + p.permute_indices_per_token_at];
  return select(NOWHERE, row, row < p.total_rows);
}
`,
  };
}
