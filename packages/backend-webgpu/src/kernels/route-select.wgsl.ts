import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { kernelId } from '../kernel.js';
import { FLOAT32_DIVIDE } from './float32.wgsl.js';
import { type Gating, gatingValues } from './gating-values.wgsl.js';
import {
  type Groups,
  groupsOfTeam,
  laneKeys,
  SUBGROUP_LANES,
  TEAM,
  WORKGROUP_LANES,
} from './lane-keys.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { scoreFunction } from './score-functions.wgsl.js';
import { WORKGROUP_SCAN } from './workgroup-scan.wgsl.js';

/** What becomes of the scores of the choices: divided by their sum, multiplied by the factor, or nothing. */
export type Weights = 'normalised' | 'scaled' | 'scores';

export interface RouteSelectOptions {
  /** Lanes that share a row: a power of two, at most the workgroup's size. */
  lanes: number;
  /** Whether the lanes of a row sit in one subgroup and talk through it. */
  subgroups: boolean;
  /** Keys that a lane holds in registers; 0 if a row is too wide and is read again for each choice. */
  slots: number;
  gating: Gating;
  scoringFunc: ScoringFunc;
  /** Whether the choice is by score and bias. Only with slots. */
  biased: boolean;
  /** What groups are ranked by, up to 32 and no more than there are lanes, if some are not kept. Only with slots. */
  groups: Groups;
  weights: Weights;
  /**
   * Whether it does the work of count-experts as well: a workgroup's rows are a tile. Only if every expert has a thread, and
   * every row is a token.
   */
  counted: boolean;
}

/**
 * Chooses the best `picks` of each row of gating values, one after the other: each is the best of those that rank
 * behind the one before. A row is a token, or one of the `rows_per_token` groups of a token. Rows `first_row` to
 * `rows - 1` are bound. Choices from `skipped_from` on become -1.
 */
export function routeSelect(options: RouteSelectOptions) {
  const { lanes, subgroups, gating, scoringFunc, biased, weights, counted } = options;
  const { place, exchange } = subgroups ? SUBGROUP_LANES : WORKGROUP_LANES;
  return {
    id: kernelId('route-select.wgsl.ts', options),
    ...routeSignature(
      'gating_output',
      'top_k_indices',
      'expert_scales_float',
      biased && 'e_score_correction_bias',
      counted && 'places',
      counted && 'tile_entries',
    ),
    subgroups,
    body: () => `
const LANES = ${lanes}u;
const STEPS = countTrailingZeros(LANES);
const ROWS = WORKGROUP / LANES;
${gatingValues(gating)}
${scoreFunction(scoringFunc)}
${exchange}${TEAM}
${laneKeys(options)}
${options.groups === 'all' ? '' : groupsOfTeam(options.groups, options.biased)}
${weights === 'normalised' ? NORMALISE : ''}
${counted ? COUNT_CHOICES : ''}
fn run(group: u32, thread: u32${subgroups ? `, position: u32, size: u32` : ''}) {
  ${place}
  let lane = place % LANES;
  let team = place / LANES;
  let first_row = p.first_row + group * ROWS;
  let row = first_row + team;
  let start = min(row, p.rows - 1u) * p.width;
  var keys = load_keys(start, lane);
  ${pickKeys(options)}
  let chosen = row < p.rows && lane < p.picks;
  let pair = row * p.picks + lane;
  var expert = (row % p.rows_per_token) * p.width + mine;
  var weight = 0u;
  if (chosen) { weight = score(logit(start + mine), sums); }
  ${weights === 'normalised' ? `weight = normalised(weight, team_total(weight, place));` : ''}
  ${weights === 'scores' ? '' : `weight = multiply(weight, p.factor);`}
  if (expert >= p.skipped_from) {
    expert = 0xffffffffu;
    weight = 0u;
  }
  if (chosen) {
    top_k_indices[p.top_k_indices_at + pair] = expert;
    expert_scales_float[p.expert_scales_float_at + pair] = weight;
  }
  ${counted ? `count_choices(chosen, pair, mine, team, first_row / ROWS, thread);` : ''}
}
`,
  };
}

/** Lane k gets the index of choice k, `mine`; `sums` is what a score needs of the row. */
function pickKeys({ scoringFunc, biased, groups }: RouteSelectOptions): string {
  const softmax = scoringFunc === 'softmax';
  // The best key of all is known from the first pick, unless keys change before.
  const changed = biased || groups !== 'all';
  const measure = (maximum: string) =>
    `sums = softmax_row(${maximum}, team_sum(sum_terms(keys, start, lane, ${maximum}), thread));`;
  return `var sums = Row();
  var last = vec2(0xffffffffu);
  var mine = 0u;
  ${softmax && changed ? `let best = key_bits(team_best(next_best(&keys, start, lane, last), thread).x); ${measure('best')}` : ''}
  ${biased ? `keys = with_bias(keys, lane, sums);` : ''}
  ${groups === 'all' ? '' : `keys = in_groups(keys, lane, groups_to_keep(keys, lane, thread, sums));`}
  for (var k = 0u; k < p.picks; k++) {
    last = team_best(next_best(&keys, start, lane, last), thread);
    ${softmax && !changed ? `if (k == 0u) { let best = key_bits(last.x); ${measure('best')} }` : ''}
    if (lane == k) { mine = last.y; }
  }`;
}

/** The sum of the weights of a row's lanes, in their order, and of norm_eps. */
const NORMALISE = /* wgsl */ `
${FLOAT32_DIVIDE}
var<workgroup> choice_weights: array<u32, WORKGROUP>;

fn team_total(weight: u32, place: u32) -> u32 {
  choice_weights[place] = weight;
  workgroupBarrier();
  var total = 0u;
  for (var k = 0u; k < p.picks; k++) { total = add(total, choice_weights[place - place % LANES + k]); }
  return add(total, p.norm_eps);
}
`;

/** A bit for each row that chose the expert tells both how many did and which place a row has among them. */
const COUNT_CHOICES = /* wgsl */ `
${WORKGROUP_SCAN}
var<workgroup> rows_of_expert: array<atomic<u32>, WORKGROUP>;

fn count_choices(chosen: bool, pair: u32, expert: u32, team: u32, tile: u32, thread: u32) {
  if (chosen) { atomicOr(&rows_of_expert[expert], 1u << team); }
  workgroupBarrier();
  if (chosen) { places[p.places_at + pair] = rows_before(expert, team); }
  let count = rows_before(thread, ROWS);
  let upto = workgroup_scan(count, thread).x + count;
  if (thread < p.real_experts && tile < p.tiles) { tile_entries[p.tile_entries_at + thread * p.tiles + tile] = upto; }
}

// How many of the rows before this one chose the expert.
fn rows_before(expert: u32, row: u32) -> u32 {
  return countOneBits(extractBits(atomicLoad(&rows_of_expert[expert]), 0u, row));
}
`;
