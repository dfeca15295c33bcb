import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { kernelId } from '../kernel.js';
import { choiceWeight, type Weights } from './choice-weights.wgsl.js';
import { type Gating, gatingValues } from './gating-values.wgsl.js';
import {
  type Groups,
  groupsOfTeam,
  laneKeys,
  type RowLanes,
  STEPPED_BEST,
  SUBGROUP_BEST,
  SUBGROUP_LANES,
  TEAM,
  WORKGROUP_LANES,
} from './lane-keys.wgsl.js';
import { NEAR_GROUPS, NEAR_SIGMOID, NEAR_VALUES } from './near-scores.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { scoreFunction } from './score-functions.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

export interface RouteSelectOptions extends RowLanes {
  /** Whether the lanes of a row sit in one subgroup and talk through it, or are a whole one. */
  subgroups: boolean | 'whole';
  gating: Gating;
  scoringFunc: ScoringFunc;
  /** Whether the choice is by score and bias. Only with slots. */
  biased: boolean;
  /** Whether by near scores, as far as they tell. Only of biased sigmoids, on a device whose float32 rounds as it must. */
  near: boolean;
  /** Whether it is by expert_keys, which score-experts made of scores and biases. */
  keyed: boolean;
  /** What groups are ranked by, if some are not kept. Only with slots. */
  groups: Groups;
  /** `late`: they are made when rows are moved. */
  weights: Weights | 'late';
  /**
   * Whether it does the work of count-experts as well, a workgroup's rows as a tile: how many experts each thread has then. Only
   * if every row is a token. Else 0.
   */
  counted: number;
}

/**
 * Chooses the best `picks` of each row of gating values, one after the other: each is the best of those that rank
 * behind the one before. A row is a token, or one of the `rows_per_token` groups of a token. Rows `first_row` to
 * `rows - 1` are bound. Choices from `skipped_from` on become -1.
 */
export function routeSelect(options: RouteSelectOptions) {
  const { lanes, groupLanes, subgroups, gating, scoringFunc, biased, near, keyed, groups, weights, counted } =
    options;
  const { place, exchange } = subgroups ? SUBGROUP_LANES : WORKGROUP_LANES;
  const late = weights === 'late';
  return {
    id: kernelId('route-select.wgsl.ts', options),
    ...routeSignature(
      'gating_output',
      'top_k_indices',
      !late && 'expert_scales_float',
      biased && 'e_score_correction_bias',
      keyed && 'expert_keys',
      counted > 0 && 'places',
      counted > 0 && 'tile_entries',
    ),
    subgroups: subgroups !== false,
    body: () => `
const LANES = ${lanes}u;
const GROUP_LANES = ${groupLanes}u;
const STEPS = countTrailingZeros(LANES);
const ROWS = WORKGROUP / LANES;
${gatingValues(gating)}
${scoreFunction(scoringFunc)}
${exchange}${subgroups === 'whole' ? SUBGROUP_BEST : STEPPED_BEST}${TEAM}
${near ? NEAR_SIGMOID + NEAR_VALUES + (groups === 'all' ? '' : NEAR_GROUPS) : ''}
${laneKeys(options)}
${groups === 'all' ? '' : groupsOfTeam(groups, biased || keyed, near)}
${late ? '' : choiceWeight(weights)}
${counted > 0 ? countChoices(counted) : ''}
fn run(group: u32, thread: u32${subgroups ? `, position: u32, size: u32` : ''}) {
  ${place}
  let lane = place % LANES;
  let team = place / LANES;
  let part = part_of(lane);
  let first_row = p.first_row + group * ROWS;
  let row = first_row + team;
  let start = min(row, p.rows - 1u) * p.width;
  var sums = Row();
  var mine = 0u;
  ${near ? pickNear(options) : pickKeys(options)}
  let chosen = row < p.rows && lane < p.picks;
  let pair = row * p.picks + lane;
  var expert = (row % p.rows_per_token) * p.width + mine;
  ${late ? '' : `var weight = choice_weight(chosen, start + mine, sums, place);`}
  if (expert >= p.skipped_from) {
    expert = 0xffffffffu;
    ${late ? '' : `weight = 0u;`}
  }
  if (chosen) {
    top_k_indices[p.top_k_indices_at + pair] = expert;
    ${late ? '' : `expert_scales_float[p.expert_scales_float_at + pair] = weight;`}
  }
  ${counted > 0 ? `count_choices(chosen, pair, mine, team, first_row / ROWS, thread);` : ''}
}
`,
  };
}

/** Lane k gets the index of choice k, `mine`; `sums` is what a score needs of the row. */
function pickKeys({ scoringFunc, biased, groups, weights }: RouteSelectOptions): string {
  // The best key of all is known from the first pick, unless keys change before.
  const changed = biased || groups !== 'all';
  const summed = scoringFunc === 'softmax' && (weights !== 'late' || biased || groups === 'bestTwo');
  const measure = (maximum: string) =>
    `sums = softmax_row(${maximum}, team_sum(sum_terms(keys, start, part, ${maximum}), thread));`;
  return `
  var keys = load_keys(start, part);
  var last = vec2(0xffffffffu);
  ${summed && changed ? `let best = key_bits(team_best(next_best(&keys, start, part, last), thread).x); ${measure('best')}` : ''}
  ${biased ? `keys = biased_keys(keys, part, sums);` : ''}
  ${groups === 'all' ? '' : KEEP_GROUPS}
  for (var k = 0u; k < p.picks; k++) {
    last = team_best(next_best(&keys, start, part, last), thread);
    ${summed && !changed ? `if (k == 0u) { let best = key_bits(last.x); ${measure('best')} }` : ''}
    if (lane == k) { mine = last.y; }
  }`;
}

const KEEP_GROUPS = `if (!keeps_group(keys, lane, thread, sums)) { keys = Keys(); }`;

/**
 * The same by near scores. If values are too close, the workgroup chooses again, by exact scores of those that can be among
 * the choices, or among the two best of a group of which near ones do not tell whether it is kept.
 */
function pickNear({ groups }: RouteSelectOptions): string {
  return `
  let near = near_keys(load_keys(start, part), part, sums);
  for (var attempt = 0u; attempt < 2u; attempt++) {
    var keys = near;
    if (exact) { keys = exact_keys(keys, start, part); }
    ${groups === 'all' ? '' : KEEP_GROUPS}
    var last = vec2(0xffffffffu);
    var bound = last.x;
    // One more, which must be apart from the last choice.
    for (var k = 0u; k <= p.picks; k++) {
      last = team_best(next_best(&keys, start, part, last), thread);
      if (lane == k) { mine = last.y; }
      if (last.x >= bound) { close = true; }
      if (k < p.picks) { bound = reach_of(last.x); }
    }
    // If nothing was left, there may have been fewer than \`picks\`.
    reach = min(reach, select(bound, 1u, last.x == 0u));
    if (!needs_exact(thread)) { break; }
    exact = true;
  }`;
}

/** A bit for each row that chose the expert tells both how many did and which place a row has among them. */
function countChoices(each: number): string {
  return /* wgsl */ `
${WORKGROUP_SCAN}
const EACH = ${each}u;
var<workgroup> rows_of_expert: array<atomic<u32>, EACH * WORKGROUP>;

fn count_choices(chosen: bool, pair: u32, expert: u32, team: u32, tile: u32, thread: u32) {
  if (chosen) { atomicOr(&rows_of_expert[expert], 1u << team); }
  workgroupBarrier();
  if (chosen) { places[p.places_at + pair] = rows_before(expert, team); }
  // Each thread has neighbours.
  let first = thread * EACH;
  var count = 0u;
  for (var i = 0u; i < EACH; i++) { count += rows_before(first + i, ROWS); }
  var upto = workgroup_scan(count, thread).x;
  for (var i = 0u; i < EACH; i++) {
    upto += rows_before(first + i, ROWS);
    if (first + i < p.real_experts && tile < p.tiles) {
      tile_entries[p.tile_entries_at + (first + i) * p.tiles + tile] = upto;
    }
  }
}

// How many of the rows before this one chose the expert.
fn rows_before(expert: u32, row: u32) -> u32 {
  return countOneBits(extractBits(atomicLoad(&rows_of_expert[expert]), 0u, row));
}
`;
}
