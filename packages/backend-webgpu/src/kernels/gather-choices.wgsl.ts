import { signature } from '../kernel.js';

/**
 * For tensors larger than a binding: for each choice k, copies the words that a cut of the reduced output needs from
 * the rows of `source` that `chosen` names. Launched once for each cut of the source; a launch copies only what lies in
 * its cut.
 */
export const gatherChoices = {
  id: 'gather-choices.wgsl.ts',
  ...signature({ chosen: 'words', source: 'words', gathered: 'words out' }, [
    'row_elements',
    'total_elements',
    'word_elements',
    'top_k',
    'total_rows',
    'first_word',
    'words',
    'choice_stride',
    'token_stride',
    'first_token',
  ]),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  let k = i / p.words;
  if (k >= p.top_k) { return; }
  var word = gathered[i + p.gathered_at];
  for (var half = 0u; half < p.word_elements; half++) {
    word = with_element(word, (p.first_word + i - k * p.words) * p.word_elements + half, half, k);
  }
  gathered[i + p.gathered_at] = word;
}

// Puts that element of the output into the word, if it lies in choice k's row and in the bound cut of the source.
fn with_element(word: u32, element: u32, half: u32, k: u32) -> u32 {
  if (element >= p.total_elements) { return word; }
  let token = element / p.row_elements;
  let row = chosen[p.chosen_at + k * p.choice_stride + (token - p.first_token) * p.token_stride];
  let from_element = row * p.row_elements + element - token * p.row_elements;
  let from_word = from_element / p.word_elements;
  if (row >= p.total_rows || from_word - p.source_first >= p.source_count) { return word; }
  let bits = source[from_word + p.source_at];
  if (p.word_elements == 1u) { return bits; }
  let value = (bits >> (16u * (from_element % 2u))) & 0xffffu;
  return (word & ~(0xffffu << (16u * half))) | (value << (16u * half));
}
`,
};
