import { kernelId, signature } from '../kernel.js';
import { FLOAT32, FLOAT32_DIVIDE } from './float32.wgsl.js';

/**
 * Computes the weights of a cut's choices from their scales, one thread per choice: if `norm`, divides the scale by the
 * sum of the token's scales (0 for a sum of 0); then multiplies by the factor. In integers, because no device has to
 * divide exactly.
 */
export function weighChoices(norm: boolean) {
  return {
    id: kernelId('weigh-choices.wgsl.ts', { norm }),
    ...signature({ expert_scales_float: 'words', weights: 'words out' }, ['top_k', 'factor']),
    body: () => /* wgsl */ `
${FLOAT32}
${norm ? FLOAT32_DIVIDE : ''}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.weights_count) { return; }
  let choice = p.weights_first + i;
  var weight = scale_of(choice);
  ${norm ? NORMALIZE : ''}
  weights[choice + p.weights_at] = multiply(weight, p.factor);
}

fn scale_of(choice: u32) -> u32 { return expert_scales_float[choice + p.expert_scales_float_at]; }
`,
  };
}

const NORMALIZE = /* wgsl */ `let first = choice - choice % p.top_k;
  var total = 0u;
  for (var k = 0u; k < p.top_k; k++) { total = add(total, scale_of(first + k)); }
  if ((total & SIZE) == 0u) { weight = 0u; } else { weight = divide(weight, total); }`;
