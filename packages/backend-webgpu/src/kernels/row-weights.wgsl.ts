import { signature } from '../kernel.js';

/** From the inverse map [K, T] and the weights [T, K] to the weight of each row. All may be cuts of their tensors. */
export const rowWeights = {
  id: 'row-weights.wgsl.ts',
  ...signature(
    { permute_indices_per_token: 'words', expert_scales_float: 'words', row_weights: 'words out' },
    ['tokens', 'top_k'],
  ),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.permute_indices_per_token_count) { return; }
  let word = p.permute_indices_per_token_first + i;
  let k = word / p.tokens;
  let token = word - k * p.tokens;
  let row = permute_indices_per_token[word + p.permute_indices_per_token_at];
  let choice = token * p.top_k + k;
  if (row - p.row_weights_first >= p.row_weights_count) { return; }
  if (choice - p.expert_scales_float_first >= p.expert_scales_float_count) { return; }
  row_weights[row + p.row_weights_at] = expert_scales_float[choice + p.expert_scales_float_at];
}
`,
};
