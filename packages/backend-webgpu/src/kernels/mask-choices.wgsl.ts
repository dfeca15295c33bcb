import { routeSignature } from './route-signature.wgsl.js';

/** Makes the choices of masked tokens -1, with weights of 0. One thread a token. */
export const maskChoices = {
  id: 'mask-choices.wgsl.ts',
  ...routeSignature('token_mask', 'top_k_indices', 'expert_scales_float'),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let token = p.first_token + group * WORKGROUP + thread;
  if (token >= p.end_token) { return; }
  if (((token_mask[token / 4u + p.token_mask_at] >> (8u * (token % 4u))) & 0xffu) != 0u) { return; }
  for (var choice = token * p.top_k; choice < (token + 1u) * p.top_k; choice++) {
    top_k_indices[choice + p.top_k_indices_at] = 0xffffffffu;
    expert_scales_float[choice + p.expert_scales_float_at] = 0u;
  }
}
`,
};
