import type { Kernel } from '../kernel.js';

/**
 * For each block of tokens, what scan-blocks and place-pairs work on: how many of its pairs go to experts up to each
 * one, `workspace[expert · blocks + block]`, and each pair's place among its expert's pairs in the block, `ranks[pair]`.
 * One workgroup per block, whose threads each look at all of its pairs.
 */
export const countExperts: Kernel = {
  id: 'count-experts.wgsl.ts',
  storage: { topk: 'words', ranks: 'words out', workspace: 'words out' },
  params: ['pairs', 'experts', 'block_pairs', 'blocks', 'first_block', 'end_block'],
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let block = p.first_block + group;
  if (block >= p.end_block) { return; }
  let start = block * p.block_pairs;
  let end = min(start + p.block_pairs, p.pairs);
  for (var expert = thread; expert < p.experts; expert += WORKGROUP) {
    var upto = 0u;
    for (var i = start; i < end; i++) { upto += u32(topk[p.topk_at + i] <= expert); }
    workspace[p.workspace_at + expert * p.blocks + block] = upto;
  }
  for (var pair = start + thread; pair < end; pair += WORKGROUP) {
    let expert = topk[p.topk_at + pair];
    var rank = 0u;
    for (var i = start; i < pair; i++) { rank += u32(topk[p.topk_at + i] == expert); }
    ranks[p.ranks_at + pair] = rank;
  }
}
`,
};
