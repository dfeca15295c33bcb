import { joined, type Kernel, kernelId, type Signature, signature } from '../kernel.js';
import { type LateWeights, lateSignature, lateWeights } from './choice-weights.wgsl.js';
import { copyRows, copySignature, type RowUnit } from './copy-rows.wgsl.js';
import { WRITE_OFFSETS } from './expert-offsets.wgsl.js';

export interface FewPairs {
  /** The number of lanes that count for one pair: a power of two, at most the workgroup's size. */
  readonly lanes: number;
  /** The number of experts whose offsets are scanned at a time: a multiple of the workgroup's size. */
  readonly slice: number;
}

const PLACE = signature({ top_k_indices: 'words', permute_indices_per_token: 'words out' }, [
  'top_k',
  'experts',
  'tokens',
  'workgroup_tokens',
  'token_start',
  'token_end',
]);
const FEW = joined(
  PLACE,
  signature({ expert_offsets: 'words out', token_nums_per_expert: 'words out' }, ['lead']),
);
const COUNTED = joined(
  PLACE,
  signature({ places: 'words', tile_entries: 'words' }, ['tiles', 'tile_tokens']),
);

/**
 * Finds the row of each pair if there are few, by counting them all. A pair's row is the number of pairs that sort
 * before it: those of lower experts, and those of its own expert that come earlier. One workgroup per
 * `workgroup_tokens` tokens; if `lead` is 1, another one comes first, which writes offsets and counts.
 */
export function placeFew(few: FewPairs) {
  return variant(FEW, few);
}

/** As `placeFew`, and copies each token's row there; other workgroups make the choices' weights if they are late. */
export function placeFewAndCopy(few: FewPairs, unit: RowUnit, late?: LateWeights) {
  return variant(joined(FEW, copying(unit, late)), few, unit, late);
}

/** Finds the row of each pair from what count-experts and scan-tiles have written. */
export function placeCounted() {
  return variant(COUNTED);
}

/** As `placeCounted`, and as `placeFewAndCopy`. */
export function placeCountedAndCopy(unit: RowUnit, late?: LateWeights) {
  return variant(joined(COUNTED, copying(unit, late)), undefined, unit, late);
}

function copying(unit: RowUnit, late: LateWeights | undefined) {
  return joined(copySignature(unit), lateSignature(late !== undefined));
}

function variant<Binding extends string, Param extends string>(
  takes: Signature<Binding, Param>,
  few?: FewPairs,
  copy?: RowUnit,
  late?: LateWeights,
): Kernel<Binding, Param> {
  return {
    id: kernelId('place-pairs.wgsl.ts', { pairLanes: few?.lanes, slice: few?.slice, copy, ...late }),
    ...takes,
    body: () => /* wgsl */ `
const PAIR_LANES = ${few?.lanes ?? 1}u;
const NONE = 0xffffffffu;
var<workgroup> rows: array<u32, WORKGROUP / PAIR_LANES>;
${few ? countHere(few.slice) : COUNTED_BEFORE}
${copy ? copyRows(copy) : ''}
${late ? lateWeights(late) : ''}
fn run(group: u32, thread: u32) {
  ${few ? `if (group < p.lead) { write_offsets(thread); return; }` : ''}
  var number = group${few ? ' - p.lead' : ''};
  ${late ? WEIGH_IN_TURN : ''}
  let token0 = p.token_start + number * p.workgroup_tokens;
  if (token0 >= p.token_end) { return; }
  let pair0 = token0 * p.top_k;
  let pairs = min(p.workgroup_tokens, p.token_end - token0) * p.top_k;
  // More than one round only if a token has more choices than fit; workgroup_tokens is 1 then.
  for (var first = 0u; first < pairs; first += WORKGROUP / PAIR_LANES) {
    let slot = thread / PAIR_LANES;
    ${copy ? `let head = load_unit(token0, thread);` : ''}
    let row = row_of(pair0 + first + slot, first + slot < pairs, thread);
    if (thread % PAIR_LANES == 0u) {
      rows[slot] = row;
      if (first + slot < pairs) { write_index(pair0 + first + slot, row); }
    }
    workgroupBarrier();
    ${copy ? `copy_rows(token0, min(min(p.top_k, pairs - first), WORKGROUP / PAIR_LANES), thread, head);` : ''}
    workgroupBarrier();
  }
}

fn write_index(pair: u32, row: u32) {
  let token = pair / p.top_k;
  let word = (pair - token * p.top_k) * p.tokens + token;
  if (word - p.permute_indices_per_token_first < p.permute_indices_per_token_count) {
    permute_indices_per_token[word + p.permute_indices_per_token_at] = row;
  }
}
`,
  };
}

/** One workgroup in each `stride` weighs, so that all the while some do. */
const WEIGH_IN_TURN = /* wgsl */ `let turn = number / p.stride;
  if (number % p.stride == 0u && turn < p.weigh_groups) { weigh_rows(turn, thread); return; }
  number -= min(turn + 1u, p.weigh_groups);`;

/** A pair's row is the first row of its expert and tile, plus its place. */
const COUNTED_BEFORE = /* wgsl */ `
fn row_of(pair: u32, live: bool, thread: u32) -> u32 {
  if (!live) { return NONE; }
  // Loaded before the expert is known to be in range.
  let place = places[p.places_at + pair];
  let expert = top_k_indices[p.top_k_indices_at + pair];
  if (expert >= p.experts) { return NONE; }
  let tile = pair / (p.top_k * p.tile_tokens);
  return tile_entries[p.tile_entries_at + (p.experts + expert) * p.tiles + tile] + place;
}
`;

/** Each lane counts a part of all pairs. */
function countHere(slice: number): string {
  return /* wgsl */ `
const SLICE = ${slice}u;
var<workgroup> partial: array<u32, WORKGROUP>;
${WRITE_OFFSETS}
fn count_slice(first: u32, thread: u32) {
  for (var i = thread; i < p.tokens * p.top_k; i += WORKGROUP) {
    let expert = top_k_indices[p.top_k_indices_at + i] - first;
    if (expert < min(SLICE, p.experts - first)) { atomicAdd(&slice[expert], 1u); }
  }
}

fn row_of(pair: u32, live: bool, thread: u32) -> u32 {
  let lane = thread % PAIR_LANES;
  var expert = NONE;
  if (live) { expert = top_k_indices[p.top_k_indices_at + pair]; }
  partial[thread] = select(0u, pairs_before(pair, expert, lane), expert < p.experts);
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(PAIR_LANES); step++) {
    let half = PAIR_LANES >> step;
    if (lane < half) { partial[thread] += partial[thread + half]; }
    workgroupBarrier();
  }
  return select(NONE, partial[thread], expert < p.experts);
}

fn pairs_before(pair: u32, expert: u32, lane: u32) -> u32 {
  let end = p.tokens * p.top_k;
  var count = 0u;
  for (var i = lane; i < end; i += PAIR_LANES) {
    // A pair of the same expert counts if it comes earlier.
    count += u32(top_k_indices[p.top_k_indices_at + i] < expert + u32(i < pair));
  }
  return count;
}
`;
}
