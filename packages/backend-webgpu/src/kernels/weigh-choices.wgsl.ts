import { kernelId, signature } from '../kernel.js';
import { FLOAT32, FLOAT32_DIVIDE } from './float32.wgsl.js';

/** What weights are made of: the scales; those divided by the token's sum of scales; or ones. */
export type Scales = 'given' | 'normalised' | 'ones';

/**
 * Computes the weights of a cut's choices for moeReduce, one thread per choice: multiplies by the factor. In integers,
 * because no device has to divide exactly.
 */
export function weighChoices(scales: Scales) {
  const norm = scales === 'normalised';
  return {
    id: kernelId('weigh-choices.wgsl.ts', { scales }),
    ...signature({ expert_scales_float: 'words', weights: 'words out' }, ['top_k', 'factor']),
    body: () => /* wgsl */ `
${FLOAT32}
${norm ? FLOAT32_DIVIDE : ''}
fn run(group: u32, thread: u32) {
  let i = group * WORKGROUP + thread;
  if (i >= p.weights_count) { return; }
  let choice = p.weights_first + i;
  var weight = ${scales === 'ones' ? `0x3f800000u` : `scale_of(choice)`};
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
  weight = normalised(weight, total);`;
