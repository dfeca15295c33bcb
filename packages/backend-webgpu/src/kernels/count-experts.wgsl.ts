import { signature } from '../kernel.js';

/**
 * Computes for each tile of tokens what scan-tiles and place-pairs need: `tile_entries[expert · tiles + tile]`, the
 * number of the tile's pairs whose expert is at most `expert`, and `places[pair]`, a pair's place within the tile.
 * One workgroup per tile; each of its threads reads all of the tile's pairs.
 */
export const countExperts = {
  id: 'count-experts.wgsl.ts',
  ...signature({ top_k_indices: 'words', places: 'words out', tile_entries: 'words out' }, [
    'pairs',
    'experts',
    'tile_pairs',
    'tiles',
    'first_tile',
    'end_tile',
  ]),
  body: () => /* wgsl */ `
fn run(group: u32, thread: u32) {
  let tile = p.first_tile + group;
  if (tile >= p.end_tile) { return; }
  let start = tile * p.tile_pairs;
  let end = min(start + p.tile_pairs, p.pairs);
  for (var expert = thread; expert < p.experts; expert += WORKGROUP) {
    var upto = 0u;
    for (var i = start; i < end; i++) { upto += u32(top_k_indices[p.top_k_indices_at + i] <= expert); }
    tile_entries[p.tile_entries_at + expert * p.tiles + tile] = upto;
  }
  for (var pair = start + thread; pair < end; pair += WORKGROUP) {
    let expert = top_k_indices[p.top_k_indices_at + pair];
    var place = 0u;
    for (var i = start; i < pair; i++) { place += u32(top_k_indices[p.top_k_indices_at + i] == expert); }
    places[p.places_at + pair] = place;
  }
}
`,
};
