import { signature } from '../kernel.js';

/** Makes the choices of masked tokens -1, with weights of 0. One thread a choice. */
export const maskChoices = {
  id: 'mask-choices.wgsl.ts',
  ...signature({ token_mask: 'words', top_k_indices: 'words out', expert_scales_float: 'words out' }, [
    'first_choice',
    'choices',
    'top_k',
  ]),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.choices) { return; }
  let choice = p.first_choice + i;
  let token = choice / p.top_k;
  if (((token_mask[token / 4u + p.token_mask_at] >> (8u * (token % 4u))) & 0xffu) != 0u) { return; }
  top_k_indices[choice + p.top_k_indices_at] = 0xffffffffu;
  expert_scales_float[choice + p.expert_scales_float_at] = 0u;
}
`,
};
