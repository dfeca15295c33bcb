import type { Call, Sizes } from '@moe-dispatch/core/backend';
import { countExperts } from '../kernels/count-experts.wgsl.js';
import { scanTiles } from '../kernels/scan-tiles.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { rowsOf, type View, wholeView, wordsPerBinding } from '../segments.js';

/** Up to this many pairs, each is placed by looking at all of them: no tiles, no scan. */
const FEW_PAIRS = 2048;
/** Tokens in a tile, and pairs, at most, unless the workspace would grow too large. */
const TILE_TOKENS = 16;
const TILE_PAIRS = 512;
/** Entries of the workspace. */
const MAX_ENTRIES = 2 ** 24;

/** What is counted of many pairs: by tile of tokens, first by count-experts or the routing, then by scan-tiles. */
export interface Tiles {
  readonly count: number;
  /** Tokens of each. */
  readonly tokens: number;
  /** Two entries for each expert and tile. */
  readonly entries: View;
  /** [T, K]: each pair's place among its expert's pairs in the tile. */
  readonly places: View;
}

type PairSizes = Pick<Sizes, 'tokens' | 'topK' | 'numExperts'>;

/** Whether so few pairs that they need no tiles. */
export function fewPairs(device: DeviceTraits, { tokens, topK }: PairSizes): boolean {
  return tokens * topK <= Math.min(FEW_PAIRS, wordsPerBinding(device.limits));
}

/** Memory for tiles of that many tokens, or undefined if it would grow too large. */
export function makeTiles(schedule: Schedule, call: PairSizes, tileTokens: number): Tiles | undefined {
  const { tokens, topK, numExperts } = call;
  const count = Math.ceil(tokens / tileTokens);
  if (count > maxTiles(schedule.device, numExperts)) return undefined;
  const entries = schedule.workspace(2 * count * numExperts * 4);
  return { count, tokens: tileTokens, entries, places: schedule.workspace(tokens * topK * 4) };
}

/** Counts the pairs of each expert by tile. */
export function countTiles(schedule: Schedule, call: Call<'planDispatch', View>): Tiles {
  const { device } = schedule;
  const { tokens, topK, numExperts } = call;
  const tiles = makeTiles(schedule, call, tokensPerTile(device, call))!;
  for (const { first, end } of tokenCuts(device, call, tiles.tokens)) {
    const first_tile = first / tiles.tokens;
    const end_tile = Math.ceil(end / tiles.tokens);
    schedule.launch(
      countExperts,
      {
        top_k_indices: rowsOf(call.topKIndices, topK, first, end),
        places: rowsOf(tiles.places, topK, first, end),
        tile_entries: wholeView(tiles.entries),
      },
      {
        ...{ pairs: tokens * topK, experts: numExperts, tile_pairs: tiles.tokens * topK },
        ...{ tiles: tiles.count, first_tile, end_tile },
      },
      end_tile - first_tile,
    );
  }
  return tiles;
}

/** Turns the counts into each tile's first rows, and writes expertOffsets and tokenNumsPerExpert. */
export function scan(schedule: Schedule, call: Call<'planDispatch', View>, tiles: Tiles): void {
  const { numExperts, expertOffsets, tokenNumsPerExpert } = call;
  schedule.launch(
    scanTiles,
    {
      tile_entries: wholeView(tiles.entries),
      expert_offsets: wholeView(expertOffsets),
      token_nums_per_expert: wholeView(tokenNumsPerExpert),
    },
    { experts: numExperts, tiles: tiles.count },
    numExperts,
  );
}

/** Ranges of tokens, whole tiles, whose choices fit one binding. */
export function tokenCuts(
  device: DeviceTraits,
  { tokens, topK }: PairSizes,
  tileTokens: number,
): { first: number; end: number }[] {
  const step = Math.max(1, Math.floor(wordsPerBinding(device.limits) / (topK * tileTokens))) * tileTokens;
  const cuts: { first: number; end: number }[] = [];
  for (let first = 0; first < tokens; first += step)
    cuts.push({ first, end: Math.min(first + step, tokens) });
  return cuts;
}

function tokensPerTile(device: DeviceTraits, { tokens, topK, numExperts }: PairSizes): number {
  const preferred = Math.min(TILE_TOKENS, Math.max(1, Math.floor(TILE_PAIRS / topK)));
  return Math.max(preferred, Math.ceil(tokens / maxTiles(device, numExperts)));
}

function maxTiles(device: DeviceTraits, numExperts: number): number {
  return Math.max(1, Math.floor(Math.min(MAX_ENTRIES, wordsPerBinding(device.limits)) / (2 * numExperts)));
}
