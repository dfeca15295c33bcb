import type { Kernel } from '../kernel.js';
import { GATING_VALUES } from './gating-values.wgsl.js';
import { WORKGROUP_INDEX } from './workgroup-index.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/** Keys that a lane holds in registers. */
const MAX_SLOTS = 8;

export interface RouteSelectOptions {
  workgroupSize: number;
  /** Lanes that share a row: a power of two, at most workgroupSize. */
  lanes: number;
  /** Whether the lanes of a row sit in one subgroup and talk through it. */
  subgroups: boolean;
  /** Keys that a lane holds in registers; 0 where a row is too wide and is read again for each choice. */
  slots: number;
  topkOnly: boolean;
  /**
   * Whether to do the work of count-experts as well: a workgroup's rows are a block. Only where every expert has a
   * thread, and every row is a token.
   */
  counted: boolean;
}

/**
 * The lanes for rows of that width: enough that each choice has one, and that each lane holds its part in registers,
 * where the device allows it.
 */
export function lanesForRow(
  width: number,
  picks: number,
  workgroupSize: number,
): { lanes: number; slots: number } {
  let lanes = 4;
  while (lanes < workgroupSize && (lanes < picks || lanes * MAX_SLOTS < width)) lanes *= 2;
  // A power of two, so that there are few kernels to compile.
  const slots = 2 ** Math.ceil(Math.log2(width / lanes));
  return { lanes, slots: slots <= MAX_SLOTS ? Math.max(slots, 1) : 0 };
}

/**
 * Chooses the best `picks` of each row of gating values, one after the other: each is the best of those that rank
 * behind the one before. A row is a token, or one group of a token (then `groups` is the
 * number of groups, else 1). Rows `first_row` to `rows - 1` are bound.
 */
export function routeSelect(options: RouteSelectOptions): Kernel {
  const { workgroupSize, lanes, subgroups, slots, topkOnly, counted } = options;
  const variant = [
    workgroupSize,
    lanes,
    subgroups && 'subgroups',
    slots > 0 && `${slots} registers`,
    topkOnly && 'topk-only',
    counted && 'counted',
  ];
  return {
    id: `route-select.wgsl.ts ${variant.filter(Boolean).join(' ')}`,
    storage: {
      ...{ gating: 'words', topk: 'words out', scales: 'words out' },
      ...(counted && { ranks: 'words out', workspace: 'words out' }),
    },
    params: ['first_row', 'rows', 'width', 'picks', 'groups', ...(counted ? ['blocks'] : [])],
    subgroups,
    body: () => `
const WORKGROUP = ${workgroupSize}u;
const LANES = ${lanes}u;
const TOPK_ONLY = ${topkOnly};
${GATING_VALUES}
${WORKGROUP_INDEX}
${subgroups ? SUBGROUP_TEAM : WORKGROUP_TEAM}
fn load_key(start: u32, i: u32) -> u32 {
  return select(0u, rank_key(gating[start + i]), i < p.width);
}

// The better of best and (key, index), if that ranks behind last.
fn take(best: vec2<u32>, key: u32, index: u32, last: vec2<u32>) -> vec2<u32> {
  let behind = key < last.x || (key == last.x && index > last.y);
  return select(best, vec2(key, index), behind && key > best.x);
}

fn term(key: u32, maximum: f32) -> f32 {
  return select(0.0, softmax_term(key_value(key), maximum), key != 0u);
}
${slots > 0 ? registers(lanes, slots) : MEMORY}
${counted ? countChoices(workgroupSize, lanes) : ''}
@compute @workgroup_size(WORKGROUP)
fn main(${subgroups ? SUBGROUP_INPUTS : PLAIN_INPUTS}) {
  ${subgroups ? SUBGROUP_PLACE : WORKGROUP_PLACE}
  let first_row = p.first_row + group_index(group, groups) * (WORKGROUP / LANES);
  let row = first_row + team;
  let start = min(row, p.rows - 1u) * p.width + p.gating_at;
  let keys = load_keys(start, lane);
  var last = vec2(0xffffffffu, 0u);
  var mine = 0u;
  var maximum = 0.0;
  var total = 1.0;
  for (var k = 0u; k < p.picks; k++) {
    last = team_best(best_behind(keys, start, lane, last), thread, lane);
    if (k == 0u && !TOPK_ONLY) {
      maximum = key_value(last.x);
      total = team_sum(sum_terms(keys, start, lane, maximum), thread, lane);
    }
    if (lane == k) { mine = last.y; }
  }
  let chosen = row < p.rows && lane < p.picks;
  let pair = row * p.picks + lane;
  if (chosen) {
    topk[p.topk_at + pair] = (row % p.groups) * p.width + mine;
    scales[p.scales_at + pair] = scale_bits(gating[start + mine], maximum, total, TOPK_ONLY);
  }
  ${counted ? 'count_choices(chosen, pair, mine, team, first_row / ROWS, thread);' : ''}
}
`,
  };
}

/** A bit for each row that chose the expert tells both how many did and which place a row has among them. */
function countChoices(workgroupSize: number, lanes: number): string {
  const rows = workgroupSize / lanes;
  const words = Math.ceil(rows / 32);
  return /* wgsl */ `
const ROWS = ${rows}u;
const ROW_WORDS = ${words}u;
const ALL_ROW_WORDS = ${workgroupSize * words}u;
${WORKGROUP_SCAN}
var<workgroup> rows_of_expert: array<atomic<u32>, ALL_ROW_WORDS>;

fn count_choices(chosen: bool, pair: u32, expert: u32, team: u32, block: u32, thread: u32) {
  if (chosen) { atomicOr(&rows_of_expert[expert * ROW_WORDS + team / 32u], 1u << (team % 32u)); }
  workgroupBarrier();
  if (chosen) { ranks[p.ranks_at + pair] = rows_before(expert, team); }
  let count = rows_before(thread, ROWS);
  let upto = workgroup_scan(count, thread).x + count;
  if (thread < p.width && block < p.blocks) { workspace[p.workspace_at + thread * p.blocks + block] = upto; }
}

// How many of the rows before this one chose the expert.
fn rows_before(expert: u32, row: u32) -> u32 {
  var count = 0u;
  for (var word = 0u; word < ROW_WORDS; word++) {
    let bits = atomicLoad(&rows_of_expert[expert * ROW_WORDS + word]);
    count += countOneBits(extractBits(bits, 0u, max(row, 32u * word) - 32u * word));
  }
  return count;
}
`;
}

const PLAIN_INPUTS = `@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32`;

const WORKGROUP_PLACE = `let lane = thread % LANES;
  let team = thread / LANES;`;

const BETTER = `
fn better(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return select(b, a, a.x > b.x || (a.x == b.x && a.y < b.y));
}
`;

/** A team's best and sum by a tree in workgroup memory. */
const WORKGROUP_TEAM = `${BETTER}
var<workgroup> bests: array<vec2<u32>, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;

fn team_best(mine: vec2<u32>, thread: u32, lane: u32) -> vec2<u32> {
  bests[thread] = mine;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { bests[thread] = better(bests[thread], bests[thread + half]); }
    workgroupBarrier();
  }
  let best = bests[thread - lane];
  workgroupBarrier();
  return best;
}

fn team_sum(mine: f32, thread: u32, lane: u32) -> f32 {
  sums[thread] = mine;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[thread] += sums[thread + half]; }
    workgroupBarrier();
  }
  let sum = sums[thread - lane];
  workgroupBarrier();
  return sum;
}
`;

const SUBGROUP_INPUTS = `${PLAIN_INPUTS},
  @builtin(subgroup_invocation_id) position: u32, @builtin(subgroup_size) size: u32`;

/**
 * Nothing says which threads form a subgroup, so subgroups take numbers; which one they get does not show. Without a
 * barrier, SwiftShader gives each subgroup workgroup memory of its own.
 */
const SUBGROUP_PLACE = `workgroupBarrier();
  var number = 0u;
  if (subgroupElect()) { number = atomicAdd(&subgroup_count, 1u); }
  number = subgroupBroadcastFirst(number);
  let lane = position % LANES;
  let team = (number * size + position) / LANES;`;

/** The same tree by exchanges between lanes. */
const SUBGROUP_TEAM = `${BETTER}
var<workgroup> subgroup_count: atomic<u32>;

fn team_best(mine: vec2<u32>, thread: u32, lane: u32) -> vec2<u32> {
  var best = mine;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    best = better(best, vec2(subgroupShuffleXor(best.x, half), subgroupShuffleXor(best.y, half)));
  }
  return best;
}

fn team_sum(mine: f32, thread: u32, lane: u32) -> f32 {
  var sum = mine;
  for (var half = LANES / 2u; half > 0u; half /= 2u) { sum += subgroupShuffleXor(sum, half); }
  return sum;
}
`;

/** A lane's keys in registers; unused ones are 0, which is never chosen and adds nothing. */
function registers(lanes: number, count: number): string {
  const slots = Array.from({ length: count }, (_, i) => i);
  const index = (i: number) => `lane + ${i * lanes}u`;
  return `
struct Keys { ${slots.map((i) => `k${i}: u32`).join(', ')} }

fn load_keys(start: u32, lane: u32) -> Keys {
  return Keys(${slots.map((i) => `load_key(start, ${index(i)})`).join(', ')});
}

fn best_behind(keys: Keys, start: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
  var best = vec2(0u, 0xffffffffu);
  ${slots.map((i) => `best = take(best, keys.k${i}, ${index(i)}, last);`).join('\n  ')}
  return best;
}

fn sum_terms(keys: Keys, start: u32, lane: u32, maximum: f32) -> f32 {
  return ${slots.map((i) => `term(keys.k${i}, maximum)`).join(' + ')};
}
`;
}

/** Rows too wide for registers are read again, from cache. */
const MEMORY = `
fn load_keys(start: u32, lane: u32) -> u32 { return 0u; }

fn best_behind(keys: u32, start: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
  var best = vec2(0u, 0xffffffffu);
  for (var i = lane; i < p.width; i += LANES) { best = take(best, load_key(start, i), i, last); }
  return best;
}

fn sum_terms(keys: u32, start: u32, lane: u32, maximum: f32) -> f32 {
  // In parts, because a long sum of float32 loses too much.
  var sum = 0.0;
  for (var i = lane; i < p.width; i += 16u * LANES) {
    var part = 0.0;
    for (var j = 0u; j < 16u; j++) { part += term(load_key(start, i + j * LANES), maximum); }
    sum += part;
  }
  return sum;
}
`;
