import { type Kernel, kernelId } from '../kernel.js';
import { COPY_ROWS_PARAMS, copyRows } from './copy-rows.wgsl.js';
import { WRITE_OFFSETS } from './expert-offsets.wgsl.js';

export interface PlacePairsOptions {
  /** Of few pairs, which are all counted here; else the work of count-experts and scan-blocks is there. */
  few:
    | {
        /** Lanes that count for one pair: a power of two, at most the workgroup's size. */
        lanes: number;
        /** Experts whose offsets are scanned at a time: a multiple of the workgroup's size. */
        slice: number;
      }
    | undefined;
  /** Whether to move the rows as well, and in which unit. */
  copy: 'words' | 'vectors' | false;
}

/**
 * Finds the row of each (token, choice) pair and, with `copy`, moves the tokens' rows there. A pair's row is the
 * number of pairs that sort before it: those of lower experts, and those of its own expert that come earlier. One
 * workgroup per `group_tokens` tokens; of few pairs, after a first one that writes offsets and counts (where `lead`
 * is 1).
 */
export function placePairs(options: PlacePairsOptions): Kernel {
  const { few, copy } = options;
  return {
    id: kernelId('place-pairs.wgsl.ts', { ...few, copy }),
    storage: {
      topk: 'words',
      ...(few ? {} : { ranks: 'words', workspace: 'words' }),
      indices: 'words out',
      ...(few && { offsets: 'words out', counts: 'words out' }),
      ...(copy && { x: copy, permuted: `${copy} out` }),
    },
    params: [
      ...['topk_width', 'experts', 'token_start', 'token_end', 'indices_first', 'indices_count'],
      ...(few ? ['lead'] : ['blocks', 'block_tokens']),
      ...(copy ? COPY_ROWS_PARAMS : ['tokens', 'group_tokens']),
    ],
    body: () => /* wgsl */ `
const LANES = ${few?.lanes ?? 1}u;
const NONE = 0xffffffffu;
var<workgroup> rows: array<u32, WORKGROUP / LANES>;
${few ? countHere(few.slice) : COUNTED}
${copy ? copyRows(copy) : ''}
fn run(group: u32, thread: u32) {
  ${few ? 'if (group < p.lead) { write_offsets(thread); return; }' : ''}
  let token0 = p.token_start + (group${few ? ' - p.lead' : ''}) * p.group_tokens;
  if (token0 >= p.token_end) { return; }
  let pair0 = token0 * p.topk_width;
  let pairs = min(p.group_tokens, p.token_end - token0) * p.topk_width;
  // Several rounds only where one token has more choices than fit: group_tokens is 1 then.
  for (var first = 0u; first < pairs; first += WORKGROUP / LANES) {
    let slot = thread / LANES;
    ${copy ? 'let head = load_unit(token0, thread);' : ''}
    let row = row_of(pair0 + first + slot, first + slot < pairs, thread);
    if (thread % LANES == 0u) {
      rows[slot] = row;
      if (first + slot < pairs) { write_index(pair0 + first + slot, row); }
    }
    workgroupBarrier();
    ${copy ? 'copy_rows(token0, min(min(p.topk_width, pairs - first), WORKGROUP / LANES), thread, head);' : ''}
    workgroupBarrier();
  }
}

fn write_index(pair: u32, row: u32) {
  let token = pair / p.topk_width;
  let word = (pair - token * p.topk_width) * p.tokens + token;
  if (word - p.indices_first < p.indices_count) { indices[word + p.indices_at] = row; }
}
`,
  };
}

/** The first row of the pair's expert and block, and the pair's place behind it. */
const COUNTED = /* wgsl */ `
fn row_of(pair: u32, live: bool, thread: u32) -> u32 {
  if (!live) { return NONE; }
  // Loaded before the expert is known to be one.
  let rank = ranks[p.ranks_at + pair];
  let expert = topk[p.topk_at + pair];
  if (expert >= p.experts) { return NONE; }
  let block = pair / (p.topk_width * p.block_tokens);
  return workspace[p.workspace_at + (p.experts + expert) * p.blocks + block] + rank;
}
`;

/** Every lane looks at its part of all pairs. */
function countHere(slice: number): string {
  return /* wgsl */ `
const SLICE = ${slice}u;
var<workgroup> partial: array<u32, WORKGROUP>;
${WRITE_OFFSETS}
fn count_slice(first: u32, thread: u32) {
  for (var i = thread; i < p.tokens * p.topk_width; i += WORKGROUP) {
    let expert = topk[p.topk_at + i] - first;
    if (expert < min(SLICE, p.experts - first)) { atomicAdd(&slice[expert], 1u); }
  }
}

fn row_of(pair: u32, live: bool, thread: u32) -> u32 {
  let lane = thread % LANES;
  var expert = NONE;
  if (live) { expert = topk[p.topk_at + pair]; }
  partial[thread] = select(0u, pairs_before(pair, expert, lane), expert < p.experts);
  workgroupBarrier();
  for (var step = 1u; step <= countTrailingZeros(LANES); step++) {
    let half = LANES >> step;
    if (lane < half) { partial[thread] += partial[thread + half]; }
    workgroupBarrier();
  }
  return select(NONE, partial[thread], expert < p.experts);
}

fn pairs_before(pair: u32, expert: u32, lane: u32) -> u32 {
  let end = p.tokens * p.topk_width;
  var count = 0u;
  for (var i = lane; i < end; i += LANES) {
    // Equal experts count where they come earlier.
    count += u32(topk[p.topk_at + i] < expert + u32(i < pair));
  }
  return count;
}
`;
}
