import type { RouteSelectOptions } from './route-select.wgsl.js';

/** What groups are ranked by, if some of them are not kept: the best expert's choice value, or the sum of two scores. */
export type Groups = 'all' | 'best' | 'bestTwo';

/** Keys that a lane holds in registers; twice as many if that saves a row from needing two subgroups. */
const MAX_SLOTS = 8;
/** A workgroup of 256 has a bit for each of its rows in one word. */
const MIN_LANES = 8;

/**
 * The lanes for rows of that width: enough that each choice has one, and that each lane holds its part in registers,
 * if the device allows it.
 * @param subgroupSize lanes that talk without workgroup memory; 0 if there are no subgroups.
 */
export function lanesForRow(
  width: number,
  picks: number,
  workgroupSize: number,
  subgroupSize: number,
): { lanes: number; slots: number } {
  let lanes = Math.min(MIN_LANES, workgroupSize);
  while (lanes < workgroupSize && (lanes < picks || lanes * MAX_SLOTS < width)) lanes *= 2;
  const squeezed = lanes === 2 * subgroupSize && subgroupSize >= picks;
  if (squeezed) lanes = subgroupSize;
  // A power of two, so that there are few kernels to compile.
  const slots = 2 ** Math.ceil(Math.log2(width / lanes));
  return { lanes, slots: slots <= (squeezed ? 2 : 1) * MAX_SLOTS ? Math.max(slots, 1) : 0 };
}

/** How the lanes of a row find their place and exchange values: in workgroup memory. */
export const WORKGROUP_LANES = {
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
 * The same through the subgroup. Nothing says which threads form one, so subgroups take numbers; which one they get
 * does not show. Without a barrier, SwiftShader gives each subgroup workgroup memory of its own.
 */
export const SUBGROUP_LANES = {
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

/** What the lanes of a row have together. */
export const TEAM = `
// The highest key, then the lowest index that has it.
fn team_best(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  var key = mine.x;
  for (var step = 1u; step <= STEPS; step++) { key = max(key, partner(key, thread, LANES >> step)); }
  var index = select(0xffffffffu, mine.y, mine.x == key);
  for (var step = 1u; step <= STEPS; step++) { index = min(index, partner(index, thread, LANES >> step)); }
  return vec2(key, index);
}

fn team_sum(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  var sum = mine;
  for (var step = 1u; step <= STEPS; step++) {
    let x = partner(sum.x, thread, LANES >> step);
    sum += vec2(x, partner(sum.y, thread, LANES >> step));
  }
  return sum;
}

fn take(best: vec2<u32>, key: u32, index: u32) -> vec2<u32> {
  return select(best, vec2(key, index), key > best.x);
}
`;

/** WGSL `load_keys`, `next_best`, and what else the options need of a lane's keys. */
export function laneKeys(options: RouteSelectOptions): string {
  const { scoringFunc, slots, keyed } = options;
  const sums = scoringFunc === 'softmax';
  const key = keyed ? `expert_keys[start + i + p.expert_keys_at]` : `logit_key(start + i)`;
  const load = `fn load_key(start: u32, i: u32) -> u32 { return select(0u, ${key}, i < p.width); }`;
  if (slots > 0) return `${load}${sums ? TERM : ''}${registers(options, sums)}`;
  return `${load}${MEMORY}${sums ? SUM_MEMORY : ''}`;
}

/** A lane's keys in registers; unused ones are 0, which is never chosen and adds nothing. */
function registers({ lanes, slots, biased, groups }: RouteSelectOptions, sums: boolean): string {
  const each = (text: (key: string, index: string, i: number) => string, separator = ', ') =>
    Array.from({ length: slots }, (_, i) => text(`keys.k${i}`, `lane + ${i * lanes}u`, i)).join(separator);
  // A function that makes other keys.
  const changed = (name: string, given: string, key: (key: string, index: string) => string) => `
fn ${name}(keys: Keys, lane: u32, ${given}) -> Keys { return Keys(${each(key)}); }
`;
  return `
struct Keys { ${each((_key, _index, i) => `k${i}: u32`)} }

fn load_keys(start: u32, lane: u32) -> Keys { return Keys(${each((_, index) => `load_key(start, ${index})`)}); }

${changed('without', `last: u32`, (key, index) => `select(${key}, 0u, last == ${index})`)}

// The best that is left without the last choice.
fn next_best(left: ptr<function, Keys>, start: u32, lane: u32, last: vec2<u32>) -> vec2<u32> {
  let keys = without(*left, lane, last.y);
  *left = keys;
  var best = vec2(0u, 0xffffffffu);
  ${each((key, index) => `best = take(best, ${key}, ${index});`, ' ')}
  return best;
}

${sums ? `fn sum_terms(keys: Keys, start: u32, lane: u32, maximum: u32) -> vec2<u32> { return ${each((key) => `key_term(${key}, maximum)`, ' + ')}; }` : ''}
${biased ? `${BIASED_KEY}${changed('with_bias', `sums: Row`, (key, index) => `biased_key(${key}, ${index}, sums)`)}` : ''}
${
  groups === 'all'
    ? ''
    : `${IN_GROUP}${changed('in_groups', `kept: u32`, (key, index) => `in_group(${key}, ${index}, kept)`)}
fn best_two(keys: Keys, lane: u32, group: u32) -> vec2<u32> {
  let kept = 1u << group;
  var two = vec2(0u);
  ${each((key, index) => `two = with_key(two, in_group(${key}, ${index}, kept));`, ' ')}
  return two;
}
`
}`;
}

const IN_GROUP = `
fn in_group(key: u32, index: u32, kept: u32) -> u32 {
  return select(0u, key, ((kept >> (index / p.group_width)) & 1u) == 1u);
}

fn with_key(two: vec2<u32>, key: u32) -> vec2<u32> { return vec2(max(two.x, key), max(two.y, min(two.x, key))); }
`;

const TERM = `
fn key_term(key: u32, maximum: u32) -> vec2<u32> {
  return select(vec2(0u), term(key_bits(key), maximum), key != 0u);
}
`;

const BIASED_KEY = `
fn biased_key(key: u32, index: u32, sums: Row) -> u32 {
  if (key == 0u) { return 0u; }
  let bias = clean(e_score_correction_bias[index + p.e_score_correction_bias_at]);
  return rank_key(biased(score(key_bits(key), sums), bias));
}
`;

/** Rows too wide for registers are read again, from cache. */
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
`;

const SUM_MEMORY = `
fn sum_terms(keys: u32, start: u32, lane: u32, maximum: u32) -> vec2<u32> {
  var sum = vec2(0u);
  for (var i = lane; i < p.width; i += LANES) { sum += term(logit(start + i), maximum); }
  return sum;
}
`;

/** WGSL `groups_to_keep`: a bit for each group that is kept. Lane g ranks group g. */
export function groupsOfTeam(groups: Groups, biased: boolean): string {
  return `
${groups === 'best' ? `fn group_key(two: vec2<u32>, sums: Row) -> u32 { return two.x; }` : topTwo(biased)}

fn groups_to_keep(keys: Keys, lane: u32, thread: u32, sums: Row) -> u32 {
  var mine = vec2(0u);
  let groups = p.width / p.group_width;
  for (var group = 0u; group < groups; group++) {
    var two = best_two(keys, lane, group);
    for (var step = 1u; step <= STEPS; step++) {
      let x = partner(two.x, thread, LANES >> step);
      two = with_key(${groups === 'best' ? `two` : `with_key(two, partner(two.y, thread, LANES >> step))`}, x);
    }
    if (lane == group) { mine = two; }
  }
  var key = 0u;
  if (lane < groups) { key = group_key(mine, sums); }
  var kept = 0u;
  for (var i = 0u; i < p.kept_groups; i++) {
    let best = team_best(vec2(key, lane), thread).y;
    kept |= 1u << best;
    if (lane == best) { key = 0u; }
  }
  return kept;
}
`;
}

/** WGSL `group_key`: ranks a group by the sum of its two best scores, with the bias or without. */
export function topTwo(biased: boolean): string {
  return `
fn group_score(key: u32, sums: Row) -> u32 { return ${biased ? `key_bits(key)` : `score(key_bits(key), sums)`}; }

fn group_key(two: vec2<u32>, sums: Row) -> u32 {
  let best = group_score(two.x, sums);
  if (two.y == 0u) { return order_key(best); }
  return order_key(add(best, group_score(two.y, sums)));
}
`;
}
