import type { Kernel } from '../kernel.js';

/** From the inverse map [K, T] to the token of each row. Both may be cuts of their tensors. */
export const invertMap: Kernel = {
  id: 'invert-map.wgsl.ts',
  storage: { indices: 'words', row_tokens: 'words out' },
  params: ['tokens', 'indices_first', 'indices_count', 'row_first', 'row_count'],
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.indices_count) { return; }
  let word = p.indices_first + i;
  let row = indices[word + p.indices_at];
  if (row - p.row_first < p.row_count) { row_tokens[row + p.row_tokens_at] = word % p.tokens; }
}
`,
};
