import { joined, kernelId, optional, signature } from '../kernel.js';

/*
 * Choices beyond an expert's capacity: they are put in the order in which they queue, [K, T], and a plan of them, as of tokens
 * with one choice each, says how many are before one at its expert.
 */

/** `order[token]`: how many tokens have a higher key, or an equal one and come earlier. One thread a token. */
export const orderTokens = {
  id: 'capacity.wgsl.ts order',
  ...signature({ token_keys: 'words', order: 'words out' }, ['tokens']),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let token = group * WORKGROUP + thread;
  if (token >= p.tokens) { return; }
  let key = token_keys[token + p.token_keys_at];
  var before = 0u;
  for (var i = 0u; i < p.tokens; i++) { before += u32(token_keys[i + p.token_keys_at] >= key + u32(i > token)); }
  order[token + p.order_at] = before - 1u;
}
`,
};

const QUEUE = signature({ top_k_indices: 'words', queue: 'words out' }, ['tokens', 'top_k']);
const DROP = signature(
  {
    queue_rows: 'words',
    expert_offsets: 'words',
    top_k_indices: 'words out',
    expert_scales_float: 'words out',
  },
  ['tokens', 'top_k', 'capacity'],
);

/** The choices as they queue: all first ones, then all second ones, tokens in their order or by `order`. One thread a choice. */
export function queueChoices(ordered: boolean) {
  return {
    id: kernelId('capacity.wgsl.ts queue', { ordered }),
    ...joined(QUEUE, optional(ordered, { order: 'words' })),
    body: () => /* wgsl */ `
${eachChoice(ordered)}
fn visit(choice: u32, place: u32) { queue[place + p.queue_at] = top_k_indices[choice + p.top_k_indices_at]; }
`,
  };
}

/** Makes choices with `capacity` or more before them -1, with weights of 0. One thread a choice. */
export function dropChoices(ordered: boolean) {
  return {
    id: kernelId('capacity.wgsl.ts drop', { ordered }),
    ...joined(DROP, optional(ordered, { order: 'words' })),
    body: () => /* wgsl */ `
${eachChoice(ordered)}
fn visit(choice: u32, place: u32) {
  let expert = top_k_indices[choice + p.top_k_indices_at];
  if (expert == 0xffffffffu) { return; }
  let before = queue_rows[place + p.queue_rows_at] - expert_offsets[expert + p.expert_offsets_at];
  if (before < p.capacity) { return; }
  top_k_indices[choice + p.top_k_indices_at] = 0xffffffffu;
  expert_scales_float[choice + p.expert_scales_float_at] = 0u;
}
`,
  };
}

function eachChoice(ordered: boolean): string {
  return /* wgsl */ `
fn run(group: u32, thread: u32) {
  let choice = group * WORKGROUP + thread;
  if (choice >= p.tokens * p.top_k) { return; }
  let token = choice / p.top_k;
  visit(choice, (choice - token * p.top_k) * p.tokens + ${ordered ? `order[token + p.order_at]` : `token`});
}
`;
}
