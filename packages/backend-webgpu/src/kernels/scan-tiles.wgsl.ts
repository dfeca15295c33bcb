import { signature } from '../kernel.js';
import { WRITE_EXPERT } from './expert-offsets.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/**
 * Finds the first row of each expert and tile. Reads `tile_entries[expert · tiles + tile]`, the number of the tile's
 * pairs whose expert is at most `expert`, and writes the rows after all of these entries, in the same order.
 * Writes offsets and counts as well. One workgroup per expert.
 */
export const scanTiles = {
  id: 'scan-tiles.wgsl.ts',
  ...signature(
    { tile_entries: 'words out', expert_offsets: 'words out', token_nums_per_expert: 'words out' },
    ['experts', 'tiles'],
  ),
  body: () => /* wgsl */ `
${WORKGROUP_SCAN}
${WRITE_EXPERT}
var<workgroup> lower_experts: atomic<u32>;

fn run(group: u32, thread: u32) {
  let expert = group;
  if (expert >= p.experts) { return; }
  // Each thread takes neighbouring tiles.
  let each = (p.tiles + WORKGROUP - 1u) / WORKGROUP;
  let first = thread * each;
  let end = min(first + each, p.tiles);
  var lower = 0u;
  var count = 0u;
  for (var tile = first; tile < end; tile++) {
    lower += pairs_below(expert, tile);
    count += pairs_of(expert, tile);
  }
  atomicAdd(&lower_experts, lower);
  let sums = workgroup_scan(count, thread);
  let before = atomicLoad(&lower_experts);
  var row = before + sums.x;
  for (var tile = first; tile < end; tile++) {
    tile_entries[p.tile_entries_at + (p.experts + expert) * p.tiles + tile] = row;
    row += pairs_of(expert, tile);
  }
  if (thread > 0u) { return; }
  write_expert(expert, before, sums.y);
  if (expert == p.experts - 1u) { expert_offsets[p.expert_offsets_at + p.experts] = before + sums.y; }
}

fn pairs_of(expert: u32, tile: u32) -> u32 {
  return pairs_below(expert + 1u, tile) - pairs_below(expert, tile);
}

// The number of the tile's pairs whose experts are below this one.
fn pairs_below(expert: u32, tile: u32) -> u32 {
  if (expert == 0u) { return 0u; }
  return tile_entries[p.tile_entries_at + (expert - 1u) * p.tiles + tile];
}
`,
};
