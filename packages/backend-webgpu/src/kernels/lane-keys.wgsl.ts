import type { RouteSelectOptions } from './route-select.wgsl.js';

/** What groups are ranked by, if some of them are not kept: the best expert's choice value, or the sum of two scores. */
export type Groups = 'all' | 'best' | 'bestTwo';

/** Keys that a lane holds in registers; twice as many if that saves a row from needing two subgroups. */
const MAX_SLOTS = 8;
/** A workgroup of 256 has a bit for each of its rows in one word. */
const MIN_LANES = 8;

/** How a row lies in the registers of its lanes. */
export interface RowLanes {
  /** Lanes that share a row: a power of two, at most the workgroup's size. */
  readonly lanes: number;
  /** Those of them that share a group, a power of two; all of them if groups play no part. */
  readonly groupLanes: number;
  /** Keys that a lane holds in registers; 0 if a row is too wide and is read again for each choice. */
  readonly slots: number;
}

/**
 * The lanes for rows of that many groups of that width: enough that each choice and each group has one, and that each lane
 * holds its part in registers, if the device allows it.
 * @param subgroupSize lanes that talk without workgroup memory; 0 if there are no subgroups.
 */
export function lanesForRow(
  groups: number,
  width: number,
  picks: number,
  workgroupSize: number,
  subgroupSize: number,
): RowLanes {
  const blocks = nextPowerOfTwo(groups);
  const least = Math.max(picks, blocks);
  let lanes = Math.min(MIN_LANES, workgroupSize);
  while (lanes < workgroupSize && (lanes < least || lanes * MAX_SLOTS < width * blocks)) lanes *= 2;
  const squeezed = lanes === 2 * subgroupSize && subgroupSize >= least;
  if (squeezed) lanes = subgroupSize;
  const groupLanes = lanes / blocks;
  const keys = Math.ceil(width / groupLanes);
  // Few values, so that there are few kernels to compile.
  const slots = keys > MAX_SLOTS ? 4 * Math.ceil(keys / 4) : nextPowerOfTwo(keys);
  return { lanes, groupLanes, slots: slots <= (squeezed ? 2 : 1) * MAX_SLOTS ? slots : 0 };
}

function nextPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
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

/** WGSL `team_best`: the highest key of a row's lanes, then the lowest index that has it. By steps, or of a whole subgroup. */
export const STEPPED_BEST = `
fn team_best(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  var key = mine.x;
  for (var step = 1u; step <= STEPS; step++) { key = max(key, partner(key, thread, LANES >> step)); }
  var index = select(0xffffffffu, mine.y, mine.x == key);
  for (var step = 1u; step <= STEPS; step++) { index = min(index, partner(index, thread, LANES >> step)); }
  return vec2(key, index);
}
`;
export const SUBGROUP_BEST = `
fn team_best(mine: vec2<u32>, thread: u32) -> vec2<u32> {
  let key = subgroupMax(mine.x);
  return vec2(key, subgroupMin(select(0xffffffffu, mine.y, mine.x == key)));
}
`;

/** What else the lanes of a row have together. */
export const TEAM = `
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

/** WGSL `part_of`, `load_keys`, `next_best`, and what else the options need of a lane's keys. */
export function laneKeys(options: RouteSelectOptions): string {
  const { scoringFunc, groups, slots, keyed } = options;
  const sums = scoringFunc === 'softmax';
  const key = keyed ? `expert_keys[start + i + p.expert_keys_at]` : `logit_key(start + i)`;
  return `
// What a lane has of a row: from \`first\` on, before \`end\`, one in every GROUP_LANES.
struct Part { first: u32, end: u32 }

fn part_of(lane: u32) -> Part {
  ${groups === 'all' ? `return Part(lane, p.width);` : PART_OF_GROUP}
}

fn load_key(start: u32, i: u32, end: u32) -> u32 { return select(0u, ${key}, i < end); }
${slots > 0 ? `${sums ? TERM : ''}${registers(options, sums)}` : `${MEMORY}${sums ? SUM_MEMORY : ''}`}`;
}

const PART_OF_GROUP = `let group = lane / GROUP_LANES;
  return Part(group * p.group_width + lane % GROUP_LANES, min((group + 1u) * p.group_width, p.width));`;

/** A lane's keys in registers; unused ones are 0, which is never chosen and adds nothing. */
function registers({ groupLanes, slots, biased, near, groups }: RouteSelectOptions, sums: boolean): string {
  const each = (text: (key: string, index: string, i: number) => string, separator = ', ') =>
    Array.from({ length: slots }, (_, i) => text(`keys.k${i}`, `part.first + ${i * groupLanes}u`, i)).join(
      separator,
    );
  // A function that makes other keys.
  const changed = (name: string, given: string, key: (key: string, index: string) => string) => `
fn ${name}(keys: Keys, part: Part, ${given}) -> Keys { return Keys(${each(key)}); }
`;
  const nearKeys = `${biasedKey('near', `near_sigmoid(key_bits(key))`)}
${changed('near_keys', `sums: Row`, (key, index) => `near_key(${key}, ${index}, sums)`)}
// Exact keys instead of near ones from \`reach\` on; what lies below decides nothing. Each lane goes from one such to its
// next, so that all take as many rounds as the lane that has most.
fn exact_keys(keys: Keys, start: u32, part: Part) -> Keys {
  var list = array<u32, ${slots}>();
  var slots = ${each((key, _index, i) => `select(0u, ${2 ** i}u, ${key} >= reach)`, ' + ')};
  while (slots != 0u) {
    let slot = countTrailingZeros(slots);
    let i = part.first + slot * GROUP_LANES;
    list[slot] = biased_key(logit_key(start + i), i, Row());
    slots &= slots - 1u;
  }
  return Keys(${each((_key, _index, i) => `list[${i}]`)});
}
`;
  return `
struct Keys { ${each((_key, _index, i) => `k${i}: u32`)} }

fn load_keys(start: u32, part: Part) -> Keys { return Keys(${each((_, index) => `load_key(start, ${index}, part.end)`)}); }

${changed('without', `last: u32`, (key, index) => `select(${key}, 0u, last == ${index})`)}

// The best that is left without the last choice.
fn next_best(left: ptr<function, Keys>, start: u32, part: Part, last: vec2<u32>) -> vec2<u32> {
  let keys = without(*left, part, last.y);
  *left = keys;
  var best = vec2(0u, 0xffffffffu);
  ${each((key, index) => `best = take(best, ${key}, ${index});`, ' ')}
  return best;
}

${sums ? `fn sum_terms(keys: Keys, start: u32, part: Part, maximum: u32) -> vec2<u32> { return ${each((key) => `key_term(${key}, maximum)`, ' + ')}; }` : ''}
${biased ? biasedKey('biased', `score(key_bits(key), sums)`) : ''}
${biased && !near ? changed('biased_keys', `sums: Row`, (key, index) => `biased_key(${key}, ${index}, sums)`) : ''}
${near ? nearKeys : ''}
${
  groups === 'all'
    ? ''
    : `
${WITH_KEY}
fn best_two(keys: Keys) -> vec2<u32> {
  var two = vec2(0u);
  ${each((key) => `two = with_key(two, ${key});`, ' ')}
  return two;
}
`
}`;
}

function biasedKey(name: string, score: string): string {
  return `
fn ${name}_key(key: u32, index: u32, sums: Row) -> u32 {
  if (key == 0u) { return 0u; }
  let bias = clean(e_score_correction_bias[index + p.e_score_correction_bias_at]);
  return rank_key(plus(${score}, bias));
}
`;
}

const WITH_KEY = `
fn with_key(two: vec2<u32>, key: u32) -> vec2<u32> { return vec2(max(two.x, key), max(two.y, min(two.x, key))); }
`;

const TERM = `
fn key_term(key: u32, maximum: u32) -> vec2<u32> {
  return select(vec2(0u), term(key_bits(key), maximum), key != 0u);
}
`;

/** Rows too wide for registers are read again, from cache. */
const MEMORY = `
fn load_keys(start: u32, part: Part) -> u32 { return 0u; }

fn next_best(keys: ptr<function, u32>, start: u32, part: Part, last: vec2<u32>) -> vec2<u32> {
  var best = vec2(0u, 0xffffffffu);
  for (var i = part.first; i < part.end; i += LANES) {
    let key = load_key(start, i, part.end);
    let behind = key < last.x || (key == last.x && i > last.y);
    best = take(best, select(0u, key, behind), i);
  }
  return best;
}
`;

const SUM_MEMORY = `
fn sum_terms(keys: u32, start: u32, part: Part, maximum: u32) -> vec2<u32> {
  var sum = vec2(0u);
  for (var i = part.first; i < part.end; i += LANES) { sum += term(logit(start + i), maximum); }
  return sum;
}
`;

/**
 * WGSL `keeps_group`: whether the group of a lane is kept: fewer groups than that are better.
 * @param near whether keys may be of near scores; then only a group that is kept for certain is.
 */
export function groupsOfTeam(groups: Groups, biased: boolean, near: boolean): string {
  return `
${groups === 'best' ? `fn group_key(two: vec2<u32>, sums: Row) -> u32 { return two.x; }` : topTwo(biased)}

fn keeps_group(keys: Keys, lane: u32, thread: u32, sums: Row) -> bool {
  var two = best_two(keys);
  for (var step = 0u; step < countTrailingZeros(GROUP_LANES); step++) {
    let x = partner(two.x, thread, 1u << step);
    two = with_key(${groups === 'best' ? `two` : `with_key(two, partner(two.y, thread, 1u << step))`}, x);
  }
  // Lanes beyond the last group have none.
  var key = 0u;
  if (two.x != 0u) { key = group_key(two, sums); }
  let bound = ${near ? `bounds(key, two)` : `vec2(key)`};
  var better = vec2(0u);
  for (var i = 1u; i < LANES / GROUP_LANES; i++) {
    let distance = i * GROUP_LANES;
    let first = (lane ^ distance) < lane;
    better.x += u32(wins(partner(bound.x, thread, distance), bound.y, first));
    ${near ? `better.y += u32(wins(partner(bound.y, thread, distance), bound.x, first));` : ''}
  }
  ${near ? `judge(better, two);` : ''}
  return better.${near ? 'y' : 'x'} < p.kept_groups;
}

fn wins(other: u32, mine: u32, first: bool) -> bool { return other > mine || (other == mine && first); }
`;
}

/** WGSL `group_key`: ranks a group by the sum of its two best scores, with the bias or without. */
export function topTwo(biased: boolean): string {
  return `
fn group_score(key: u32, sums: Row) -> u32 { return ${biased ? `key_bits(key)` : `score(key_bits(key), sums)`}; }

fn group_key(two: vec2<u32>, sums: Row) -> u32 {
  let best = group_score(two.x, sums);
  if (two.y == 0u) { return order_key(best); }
  return order_key(plus(best, group_score(two.y, sums)));
}
`;
}
