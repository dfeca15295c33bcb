import type { Kernel } from '../kernel.js';

/**
 * Moves rows that are not whole words: each word of the output is put together by one thread from the one to four
 * rows it spans, so neighbours never race. Bytes whose source is outside the bound cuts keep their old value, and so
 * do those behind the tensor's end.
 */
export const gatherBytes: Kernel = {
  id: 'gather-bytes.wgsl.ts',
  storage: { row_tokens: 'words', x: 'words', permuted: 'words out' },
  params: [
    ...['row_bytes', 'total_bytes', 'tokens', 'row_first', 'row_count', 'x_first', 'x_count'],
    ...['permuted_first', 'permuted_count'],
  ],
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.permuted_count) { return; }
  let word = p.permuted_first + i;
  var row = word * 4u / p.row_bytes;
  var column = word * 4u - row * p.row_bytes;
  var value = 0u;
  var mask = 0u;
  for (var byte = 0u; byte < 4u && word * 4u + byte < p.total_bytes; byte++) {
    if (row - p.row_first < p.row_count) {
      let token = row_tokens[row + p.row_tokens_at];
      let source = token * p.row_bytes + column;
      if (token < p.tokens && source / 4u - p.x_first < p.x_count) {
        let bits = (x[source / 4u + p.x_at] >> (8u * (source % 4u))) & 0xffu;
        value |= bits << (8u * byte);
        mask |= 0xffu << (8u * byte);
      }
    }
    column++;
    if (column == p.row_bytes) {
      column = 0u;
      row++;
    }
  }
  let at = word + p.permuted_at;
  if (mask == 0xffffffffu) {
    permuted[at] = value;
  } else if (mask != 0u) {
    permuted[at] = (permuted[at] & ~mask) | value;
  }
}
`,
};
