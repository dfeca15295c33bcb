import { kernelId } from '../kernel.js';
import { type Gating, gatingValues } from './gating-values.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';

/**
 * Chooses many experts of each token at once: an expert's place is the number of experts that rank before it. One
 * workgroup per token; the work grows with E², whatever K is.
 */
export function routeRank(gating: Gating) {
  return {
    id: kernelId('route-rank.wgsl.ts', { gating }),
    ...routeSignature('gating_output', 'top_k_indices'),
    body: () => /* wgsl */ `
${gatingValues(gating)}
var<workgroup> keys: array<u32, WORKGROUP>;

fn run(group: u32, thread: u32) {
  let row = p.first_row + group;
  if (row >= p.rows) { return; }
  let start = row * p.width;
  for (var first = 0u; first < p.width; first += WORKGROUP) {
    let expert = first + thread;
    let key = logit_key(start + min(expert, p.width - 1u));
    var place = 0u;
    for (var chunk = 0u; chunk < p.width; chunk += WORKGROUP) {
      keys[thread] = select(0u, logit_key(start + chunk + thread), chunk + thread < p.width);
      workgroupBarrier();
      for (var j = 0u; j < WORKGROUP; j++) {
        let other = keys[j];
        place += u32(other > key || (other == key && chunk + j < expert));
      }
      workgroupBarrier();
    }
    if (expert < p.width && place < p.picks) { top_k_indices[p.top_k_indices_at + row * p.picks + place] = expert; }
  }
}
`,
  };
}
