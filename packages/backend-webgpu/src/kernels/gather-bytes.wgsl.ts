import { signature } from '../kernel.js';

/**
 * Moves rows that are not whole words: one thread puts each word of the output together from the one to four rows
 * that it spans, so threads never race. Bytes whose source lies outside the bound cuts keep their old values, and so
 * do those past the tensor's end.
 */
export const gatherBytes = {
  id: 'gather-bytes.wgsl.ts',
  ...signature({ row_tokens: 'words', x: 'words', permute_input: 'words out' }, [
    'row_bytes',
    'total_bytes',
    'tokens',
  ]),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.permute_input_count) { return; }
  let word = p.permute_input_first + i;
  var row = word * 4u / p.row_bytes;
  var column = word * 4u - row * p.row_bytes;
  var value = 0u;
  var mask = 0u;
  for (var byte = 0u; byte < 4u && word * 4u + byte < p.total_bytes; byte++) {
    if (row - p.row_tokens_first < p.row_tokens_count) {
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
  let at = word + p.permute_input_at;
  if (mask == 0xffffffffu) {
    permute_input[at] = value;
  } else if (mask != 0u) {
    permute_input[at] = (permute_input[at] & ~mask) | value;
  }
}
`,
};
