import { signature } from '../kernel.js';

/** Turns the inverse map [K, T] into the token of each row. Both may be cuts of their tensors. */
export const invertMap = {
  id: 'invert-map.wgsl.ts',
  ...signature({ permute_indices_per_token: 'words', row_tokens: 'words out' }, ['tokens']),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.permute_indices_per_token_count) { return; }
  let word = p.permute_indices_per_token_first + i;
  let row = permute_indices_per_token[word + p.permute_indices_per_token_at];
  if (row - p.row_tokens_first < p.row_tokens_count) { row_tokens[row + p.row_tokens_at] = word % p.tokens; }
}
`,
};
