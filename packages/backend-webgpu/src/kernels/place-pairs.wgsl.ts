import type { Kernel } from '../kernel.js';
import { COPY_ROWS_PARAMS, copyRows } from './copy-rows.wgsl.js';
import { EXPERT_OFFSETS } from './expert-offsets.wgsl.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';

export interface PlacePairsOptions {
  workgroupSize: number;
  /** Lanes that count for one pair: a power of two, at most workgroupSize. */
  lanes: number;
  /** Experts whose offsets are scanned at a time. */
  slice: number;
  /** Whether there is a workspace of counts by block, or all pairs are counted here (few pairs). */
  counted: boolean;
  /** Whether to move the rows as well, and in which unit. */
  copy: 'words' | 'vectors' | false;
}

/**
 * Finds the row of each (token, choice) pair and, with `copy`, moves the tokens' rows there. A pair's row is the
 * number of pairs that sort before it: those of lower experts, and those of its own expert that come earlier. One
 * workgroup per `group_tokens` tokens, after a first one that writes offsets and counts (where `lead` is 1).
 */
export function placePairs(options: PlacePairsOptions): Kernel {
  const { workgroupSize, lanes, slice, counted, copy } = options;
  const variant = [workgroupSize, lanes, slice, counted && 'counted', copy && `copy ${copy}`];
  return {
    id: `place-pairs.wgsl.ts ${variant.filter(Boolean).join(' ')}`,
    storage: {
      topk: 'words',
      ...(counted && { workspace: 'words' }),
      indices: 'words out',
      offsets: 'words out',
      counts: 'words out',
      ...(copy && { x: copy, permuted: `${copy} out` }),
    },
    params: [
      ...['topk_width', 'experts', 'blocks', 'block_tokens', 'lead', 'token_start', 'token_end'],
      ...['indices_first', 'indices_count'],
      ...(copy ? COPY_ROWS_PARAMS : ['tokens', 'group_tokens']),
    ],
    body: () => /* wgsl */ `
const WORKGROUP = ${workgroupSize}u;
const LANES = ${lanes}u;
const SLICE = ${slice}u;
const NONE = 0xffffffffu;
var<workgroup> partial: array<u32, WORKGROUP>;
var<workgroup> rows: array<u32, WORKGROUP / LANES>;
${WORKGROUP_INDEX}
${EXPERT_OFFSETS}
${counted ? COUNTED : UNCOUNTED}
${copy ? copyRows(copy) : ''}
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32) {
  let index = group_index(group, groups);
  if (index < p.lead) {
    write_offsets(thread);
    return;
  }
  let token0 = p.token_start + (index - p.lead) * p.group_tokens;
  if (token0 >= p.token_end) { return; }
  let pair0 = token0 * p.topk_width;
  let pairs = min(p.group_tokens, p.token_end - token0) * p.topk_width;
  // Several rounds only where one token has more choices than fit: group_tokens is 1 then.
  for (var first = 0u; first < pairs; first += WORKGROUP / LANES) {
    let slot = thread / LANES;
    ${copy ? 'let head = load_unit(token0, thread);' : ''}
    place(pair0 + first + slot, first + slot < pairs, slot, thread);
    ${copy ? 'copy_rows(token0, min(min(p.topk_width, pairs - first), WORKGROUP / LANES), thread, head);' : ''}
    workgroupBarrier();
  }
}

// Every lane of the pair counts a part; the first puts it together and writes it.
fn place(pair: u32, live: bool, slot: u32, thread: u32) {
  let lane = thread % LANES;
  var expert = NONE;
  if (live) { expert = topk[p.topk_at + pair]; }
  var count = 0u;
  if (expert < p.experts) { count = pairs_before(pair, expert, lane); }
  partial[thread] = count;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { partial[thread] += partial[thread + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let row = select(NONE, partial[thread], expert < p.experts);
    rows[slot] = row;
    let token = pair / p.topk_width;
    let word = (pair - token * p.topk_width) * p.tokens + token;
    if (live && word - p.indices_first < p.indices_count) { indices[word + p.indices_at] = row; }
  }
  workgroupBarrier();
}
`,
  };
}

/** With counts by block: earlier blocks and lower experts from the workspace, the pair's own block by looking. */
const COUNTED = /* wgsl */ `
fn expert_total(expert: u32) -> u32 {
  return workspace[p.workspace_at + p.experts * p.blocks + expert];
}

fn pairs_before(pair: u32, expert: u32, lane: u32) -> u32 {
  let block = pair / p.topk_width / p.block_tokens;
  var count = 0u;
  if (lane == 0u) { count = workspace[p.workspace_at + expert * p.blocks + block]; }
  for (var i = lane; i < expert; i += LANES) { count += expert_total(i); }
  for (var i = block * p.block_tokens * p.topk_width + lane; i < pair; i += LANES) {
    count += u32(topk[p.topk_at + i] == expert);
  }
  return count;
}

fn count_slice(first: u32, thread: u32) {
  for (var i = thread; i < min(SLICE, p.experts - first); i += WORKGROUP) {
    atomicStore(&slice[i], expert_total(first + i));
  }
}
`;

/** Few pairs: every lane looks at its part of them all. */
const UNCOUNTED = /* wgsl */ `
fn pairs_before(pair: u32, expert: u32, lane: u32) -> u32 {
  let end = p.tokens * p.topk_width;
  var count = 0u;
  for (var i = lane; i < end; i += LANES) {
    // Equal experts count where they come earlier.
    count += u32(topk[p.topk_at + i] < expert + u32(i < pair));
  }
  return count;
}

fn count_slice(first: u32, thread: u32) {
  for (var i = thread; i < p.tokens * p.topk_width; i += WORKGROUP) {
    let expert = topk[p.topk_at + i] - first;
    if (expert < SLICE) { atomicAdd(&slice[expert], 1u); }
  }
}
`;
