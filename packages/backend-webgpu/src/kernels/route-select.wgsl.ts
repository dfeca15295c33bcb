import { joined, type Kernel, kernelId, type Signature, signature } from '../kernel.js';
import { GATING_VALUES } from './gating-values.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/** The most keys that a lane holds in registers. */
const MAX_SLOTS = 8;
/** The fewest lanes of a row: one word has a bit for each row of a workgroup of 256. */
const MIN_LANES = 8;

export interface RouteSelectOptions {
  /** Lanes that share a row: a power of two, at most the workgroup's size. */
  lanes: number;
  /** Whether the lanes of a row are in one subgroup and exchange values through it. */
  subgroups: boolean;
  /** The number of keys that a lane holds in registers; 0 if rows are too wide and are read again for each choice. */
  slots: number;
  topkOnly: boolean;
}

const SELECT = signature(
  { gating_output: 'words', top_k_indices: 'words out', expert_scales_float: 'words out' },
  ['first_row', 'rows', 'width', 'picks', 'groups'],
);
const COUNT = signature({ places: 'words out', tile_entries: 'words out' }, ['tiles']);

/**
 * The lanes for rows of that width: enough to give each choice a lane, and to hold the row in the lanes' registers, if
 * a workgroup can have that many.
 */
export function lanesForRow(
  width: number,
  picks: number,
  workgroupSize: number,
): { lanes: number; slots: number } {
  let lanes = Math.min(MIN_LANES, workgroupSize);
  while (lanes < workgroupSize && (lanes < picks || lanes * MAX_SLOTS < width)) lanes *= 2;
  // A power of two, so that there are few kernels to compile.
  const slots = 2 ** Math.ceil(Math.log2(width / lanes));
  return { lanes, slots: slots <= MAX_SLOTS ? Math.max(slots, 1) : 0 };
}

/**
 * Chooses the best `picks` experts of each row of gating values, one after the other: each is the best of those that
 * rank after the one before. A row is a token, or one group of a token; `groups` is the number of groups then, and 1
 * otherwise. Rows `first_row` to `rows - 1` are bound.
 */
export function routeSelect(options: RouteSelectOptions) {
  return variant(options, SELECT, false);
}

/**
 * As `routeSelect`, and does the work of count-experts: a workgroup's rows are a tile. Needs a thread for every expert,
 * and rows that are tokens.
 */
export function routeSelectCounted(options: RouteSelectOptions) {
  return variant(options, joined(SELECT, COUNT), true);
}

function variant<Binding extends string, Param extends string>(
  options: RouteSelectOptions,
  takes: Signature<Binding, Param>,
  counted: boolean,
): Kernel<Binding, Param> {
  const { lanes, subgroups, slots, topkOnly } = options;
  const { place, exchange } = subgroups ? SUBGROUP_LANES : WORKGROUP_LANES;
  return {
    id: kernelId('route-select.wgsl.ts', { ...options, counted }),
    ...takes,
    subgroups,
    body: () => `
const LANES = ${lanes}u;
const STEPS = countTrailingZeros(LANES);
const ROWS = WORKGROUP / LANES;
const TOPK_ONLY = ${topkOnly};
${GATING_VALUES}
${exchange}${TEAM}
fn load_key(start: u32, i: u32) -> u32 {
  return select(0u, rank_key(gating_output[start + i]), i < p.width);
}

fn take(best: vec2<u32>, key: u32, index: u32) -> vec2<u32> {
  return select(best, vec2(key, index), key > best.x);
}

fn term(key: u32, maximum: f32) -> f32 {
  return select(0.0, softmax_term(key_value(key), maximum), key != 0u);
}
${slots > 0 ? registers(lanes, slots) : MEMORY}
${counted ? COUNT_CHOICES : ''}
fn run(group: u32, thread: u32${subgroups ? `, position: u32, size: u32` : ''}) {
  ${place}
  let lane = place % LANES;
  let team = place / LANES;
  let first_row = p.first_row + group * ROWS;
  let row = first_row + team;
  let start = min(row, p.rows - 1u) * p.width + p.gating_output_at;
  var keys = load_keys(start, lane);
  var last = vec2(0xffffffffu);
  var mine = 0u;
  var maximum = 0.0;
  var total = 1.0;
  for (var k = 0u; k < p.picks; k++) {
    last = team_best(next_best(&keys, start, lane, last), thread);
    if (k == 0u && !TOPK_ONLY) {
      maximum = key_value(last.x);
      total = team_sum(sum_terms(keys, start, lane, maximum), thread);
    }
    if (lane == k) { mine = last.y; }
  }
  let chosen = row < p.rows && lane < p.picks;
  let pair = row * p.picks + lane;
  if (chosen) {
    top_k_indices[p.top_k_indices_at + pair] = (row % p.groups) * p.width + mine;
    expert_scales_float[p.expert_scales_float_at + pair] = scale_bits(gating_output[start + mine], maximum, total, TOPK_ONLY);
  }
  ${counted ? `count_choices(chosen, pair, mine, team, first_row / ROWS, thread);` : ''}
}
`,
  };
}

/** A bit for each row that chose the expert: the bits tell how many rows did, and the place of each among them. */
const COUNT_CHOICES = /* wgsl */ `
${WORKGROUP_SCAN}
var<workgroup> rows_of_expert: array<atomic<u32>, WORKGROUP>;

fn count_choices(chosen: bool, pair: u32, expert: u32, team: u32, tile: u32, thread: u32) {
  if (chosen) { atomicOr(&rows_of_expert[expert], 1u << team); }
  workgroupBarrier();
  if (chosen) { places[p.places_at + pair] = rows_before(expert, team); }
  let count = rows_before(thread, ROWS);
  let upto = workgroup_scan(count, thread).x + count;
  if (thread < p.width && tile < p.tiles) { tile_entries[p.tile_entries_at + thread * p.tiles + tile] = upto; }
}

// How many of the rows before this one chose the expert.
fn rows_before(expert: u32, row: u32) -> u32 {
  return countOneBits(extractBits(atomicLoad(&rows_of_expert[expert]), 0u, row));
}
`;

/** How the lanes of a row find their place and exchange values: through workgroup memory. */
const WORKGROUP_LANES = {
  place: `let place = thread;`,
  // Two halves that take turns, so that one barrier is enough.
  exchange: `
var<workgroup> values: array<u32, 2u * WORKGROUP>;
var<private> turn = 0u;

fn partner(value: u32, thread: u32, distance: u32) -> u32 {
  turn = WORKGROUP - turn;
  values[turn + thread] = value;
  workgroupBarrier();
  return values[turn + (thread ^ distance)];
}
`,
};

/**
 * The same through subgroups. Nothing says which threads form a subgroup, so each subgroup takes a number; which one it
 * gets does not matter. Without the barrier, SwiftShader gives each subgroup workgroup memory of its own.
 */
const SUBGROUP_LANES = {
  place: `workgroupBarrier();
  var number = 0u;
  if (subgroupElect()) { number = atomicAdd(&subgroup_count, 1u); }
  number = subgroupBroadcastFirst(number);
  let place = number * size + position;`,
  exchange: `
var<workgroup> subgroup_count: atomic<u32>;

fn partner(value: u32, thread: u32, distance: u32) -> u32 {
  return subgroupShuffleXor(value, distance);
}
`,
};

/** What the lanes of a row compute together. */
const TEAM = `
// The highest key, and the lowest index that has it.
fn team_best(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  var key = mine.x;
  for (var step = 1u; step <= STEPS; step++) { key = max(key, partner(key, thread, LANES >> step)); }
  var index = select(0xffffffffu, mine.y, mine.x == key);
  for (var step = 1u; step <= STEPS; step++) { index = min(index, partner(index, thread, LANES >> step)); }
  return vec2(key, index);
}

fn team_sum(mine: f32, thread: u32) -> f32 {
  var sum = mine;
  for (var step = 1u; step <= STEPS; step++) {
    sum += bitcast<f32>(partner(bitcast<u32>(sum), thread, LANES >> step));
  }
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

// The best that is left once the last choice is gone.
fn next_best(keys: ptr<function, Keys>, start: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
  ${slots.map((i) => `(*keys).k${i} = select((*keys).k${i}, 0u, last.y == ${index(i)});`).join('\n')}
  var best = vec2(0u, 0xffffffffu);
  ${slots.map((i) => `best = take(best, (*keys).k${i}, ${index(i)});`).join('\n')}
  return best;
}

fn sum_terms(keys: Keys, start: u32, lane: u32, maximum: f32) -> f32 {
  return ${slots.map((i) => `term(keys.k${i}, maximum)`).join(' + ')};
}
`;
}

/** Rows too wide for registers are read again for each choice, from the cache. */
const MEMORY = `
fn load_keys(start: u32, lane: u32) -> u32 { return 0u; }

fn next_best(keys: ptr<function, u32>, start: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
  var best = vec2(0u, 0xffffffffu);
  for (var i = lane; i < p.width; i += LANES) {
    let key = load_key(start, i);
    let behind = key < last.x || (key == last.x && i > last.y);
    best = take(best, select(0u, key, behind), i);
  }
  return best;
}

fn sum_terms(keys: u32, start: u32, lane: u32, maximum: f32) -> f32 {
  // In parts, because one long float32 sum loses too much precision.
  var sum = 0.0;
  for (var i = lane; i < p.width; i += 16u * LANES) {
    var part = 0.0;
    for (var j = 0u; j < 16u; j++) { part += term(load_key(start, i + j * LANES), maximum); }
    sum += part;
  }
  return sum;
}
`;
