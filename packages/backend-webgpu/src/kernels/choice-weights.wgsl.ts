import type { FloatDType } from '@moe-dispatch/core';
import type { ScoringFunc } from '@moe-dispatch/core/backend';
import { joined, signature } from '../kernel.js';
import { FLOAT32_DIVIDE } from './float32.wgsl.js';
import { gatingValues } from './gating-values.wgsl.js';
import { routeSignature } from './route-signature.wgsl.js';
import { scoreFunction } from './score-functions.wgsl.js';

/** What becomes of the scores of the choices: divided by their sum, multiplied by the factor, or nothing. */
export type Weights = 'normalised' | 'scaled' | 'scores';

/** WGSL `choice_weight`: the weight of a lane's choice, whose logit is number `at`. LANES lanes have a row. */
export function choiceWeight(weights: Weights): string {
  return /* wgsl */ `
${weights === 'normalised' ? NORMALISE : ''}
fn choice_weight(chosen: bool, at: u32, sums: Row, place: u32) -> u32 {
  var weight = 0u;
  if (chosen) { weight = score(logit(at), sums); }
  ${weights === 'normalised' ? `weight = normalised(weight, team_total(weight, place));` : ''}
  return ${weights === 'scores' ? `weight` : `multiply(weight, p.factor)`};
}
`;
}

/** The sum of the weights of a row's lanes, in their order, and of norm_eps. */
const NORMALISE = /* wgsl */ `
${FLOAT32_DIVIDE}
var<workgroup> choice_weights: array<u32, WORKGROUP>;

fn team_total(weight: u32, place: u32) -> u32 {
  choice_weights[place] = weight;
  workgroupBarrier();
  var total = 0u;
  for (var k = 0u; k < p.picks; k++) { total = plus(total, choice_weights[place - place % LANES + k]); }
  return plus(total, p.norm_eps);
}
`;

/** Weights that are made in the launch that moves the rows, beside it: that one waits for memory. */
export interface LateScores {
  readonly gating: FloatDType;
  readonly scoringFunc: ScoringFunc;
  readonly weights: Weights;
}

export interface LateWeights extends LateScores {
  /** Lanes that share a row. */
  readonly lanes: number;
}

/** What `lateWeights` takes; it binds nothing if there are none. */
export function lateSignature(taken: boolean) {
  return joined(
    routeSignature(taken && 'gating_output', taken && 'expert_scales_float'),
    signature({}, ['stride', 'weigh_groups']),
  );
}

/**
 * WGSL `weigh_rows`: workgroup `number` weighs the choices of its rows. A softmax's first choice has the largest logit of
 * its row.
 */
export function lateWeights({ gating, scoringFunc, weights, lanes }: LateWeights): string {
  const softmax = scoringFunc === 'softmax';
  return /* wgsl */ `
const LANES = ${lanes}u;
const ROWS = WORKGROUP / LANES;
${gatingValues(gating)}
${scoreFunction(scoringFunc)}
${choiceWeight(weights)}
${softmax ? ROW_SUM : ''}
fn weigh_rows(number: u32, thread: u32) {
  let lane = thread % LANES;
  let team = thread / LANES;
  let row = p.first_row + number * ROWS + team;
  let inside = min(row, p.rows - 1u);
  let pair = inside * p.picks;
  let sums = ${softmax ? `row_sum(inside * p.width, lane, team, logit(logit_of(pair)))` : `Row()`};
  let chosen = row < p.rows && lane < p.picks;
  let mine = pair + min(lane, p.picks - 1u);
  let weight = choice_weight(chosen, logit_of(mine), sums, thread);
  if (chosen) { expert_scales_float[p.expert_scales_float_at + mine] = weight; }
}

fn logit_of(pair: u32) -> u32 {
  return pair / p.top_k * p.rows_per_token * p.width + top_k_indices[p.top_k_indices_at + pair];
}
`;
}

/** What a softmax needs of a row, with its largest logit. All lanes of a workgroup call it, once. */
const ROW_SUM = /* wgsl */ `
var<workgroup> upper_sums: array<atomic<u32>, WORKGROUP / LANES>;
var<workgroup> lower_sums: array<atomic<u32>, WORKGROUP / LANES>;

fn row_sum(start: u32, lane: u32, team: u32, maximum: u32) -> Row {
  var sum = vec2(0u);
  for (var i = lane; i < p.width; i += LANES) { sum += term(logit(start + i), maximum); }
  atomicAdd(&upper_sums[team], sum.x);
  atomicAdd(&lower_sums[team], sum.y);
  workgroupBarrier();
  return softmax_row(maximum, vec2(atomicLoad(&upper_sums[team]), atomicLoad(&lower_sums[team])));
}
`;
