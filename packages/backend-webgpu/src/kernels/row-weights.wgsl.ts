import { signature } from '../kernel.js';

/** From the inverse map [K, T] and the weights [T, K] to the weight of each row. All may be cuts of their tensors. */
export const rowWeights = {
  id: 'row-weights.wgsl.ts',
  ...signature(
    { permute_indices_per_token: 'words', expert_scales_float: 'words', row_weights: 'words out' },
    ['tokens', 'top_k', 'first_token', 'end_token', 'map_first', 'map_count', 'row_first', 'row_count'],
  ),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.map_count) { return; }
  let word = p.map_first + i;
  let k = word / p.tokens;
  let token = word - k * p.tokens;
  let row = permute_indices_per_token[word + p.permute_indices_per_token_at];
  if (row - p.row_first >= p.row_count || token < p.first_token || token >= p.end_token) { return; }
  row_weights[row + p.row_weights_at] = expert_scales_float[token * p.top_k + k + p.expert_scales_float_at];
}
`,
};
