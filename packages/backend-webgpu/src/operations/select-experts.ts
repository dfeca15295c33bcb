import type { FloatDType } from '@moe-dispatch/core';
import type { GroupScoreFunc, ScoringFunc } from '@moe-dispatch/core/backend';
import type { LateScores, Weights } from '../kernels/choice-weights.wgsl.js';
import { type Groups, lanesForRow } from '../kernels/lane-keys.wgsl.js';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import { type RouteSelectOptions, routeSelect } from '../kernels/route-select.wgsl.js';
import { scoreExperts } from '../kernels/score-experts.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { cutRows, rowsOf, type View, wholeView } from '../segments.js';
import { type Cut, type RouteCall, routeBindings, routeCuts, routeParams } from './route-launches.js';
import { makeTiles, type Tiles } from './tiles.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;
/** Groups that route-select keeps a bit of. */
const MAX_GROUPS = 32;
/**
 * Whether the scores of all experts take long. With a thread for each expert they are quicker than
 * in route-select, where a lane has several; a softmax's sum is wanted there again.
 */
const SLOW: { readonly [Func in ScoringFunc]: boolean } = {
  ...{ softmax: false, sigmoid: true, sqrtsoftplus: true, none: false },
};
/** Experts for each token of a tile that route-select counts, at most: with fewer tokens a tile, there are too many entries. */
const MAX_TILE_EXPERTS = 64;
/** As kernels name them. */
const RANKINGS: { readonly [Func in GroupScoreFunc]: Groups } = { max: 'best', top2_sum: 'bestTwo' };

/** How rows are chosen from. A row is a token, or a group of a token of which the best expert is picked. */
export interface Selection {
  readonly groups: Groups;
  /** Whether score-experts makes keys first: `all` that the ranking needs, or those of scores and biases alone. */
  readonly keys: 'all' | 'biased' | 'none';
  /** Whether the scores are there as well, or late. */
  readonly scored: boolean;
  /** Whether they are weights already. */
  readonly weighs: boolean;
  /** Weights that are left for the launch that moves the rows. */
  readonly late: LateScores | undefined;
  readonly rowsPerWorkgroup: number;
  /** For picking one choice after the other; undefined if all are ranked at once. */
  readonly select: RouteSelectOptions | undefined;
  /** Experts of each thread if the kernel can count the choices, a workgroup's tokens as a tile; else 0. */
  readonly counted: number;
}

/** @param canWait whether weights may be left for later. */
export function chooseSelection(
  { workgroupSize, subgroupSize, arithmetic }: DeviceTraits,
  call: RouteCall,
  canWait: boolean,
): Selection {
  const { nGroup, topkGroup, groupScoreFunc, scoringFunc, gatingDtype } = call;
  const { rows_per_token, width, picks } = routeParams(call, { first: 0, end: 0 });
  const groups = topkGroup < nGroup ? RANKINGS[groupScoreFunc] : 'all';
  const biased = call.eScoreCorrectionBias !== null;
  const picksMany = picks > Math.min(MANY_PICKS, workgroupSize);
  const tooMany = groups !== 'all' && nGroup > Math.min(MAX_GROUPS, workgroupSize);
  const lanesFor = (blocks: number) =>
    lanesForRow(blocks, width / blocks, picks, workgroupSize, subgroupSize);
  const grouped = lanesFor(groups === 'all' || tooMany ? 1 : nGroup);
  const wide = picksMany || tooMany || grouped.slots === 0;
  const slow = biased && SLOW[scoringFunc];
  const near = slow && !wide && scoringFunc === 'sigmoid' && arithmetic !== 'integers';
  const keys = wide && (biased || groups !== 'all') ? 'all' : slow && !near ? 'biased' : 'none';
  const row = keys === 'all' ? lanesFor(1) : grouped;
  const scored = keys !== 'all' && !picksMany;
  const weighs = scored && !hasMore(call);
  const weights = weighs ? weightsOf(call) : 'scores';
  const gating = gatingDtype as FloatDType;
  // A softmax needs its largest logit, which is not the first choice's if others count more.
  const isFirst = scoringFunc !== 'softmax' || !(biased || groups === 'bestTwo');
  const late = canWait && weighs && isFirst ? { gating, scoringFunc, weights } : undefined;
  const select: RouteSelectOptions = {
    ...{ ...row, subgroups: row.lanes === subgroupSize ? 'whole' : row.lanes < subgroupSize, counted: 0 },
    ...(keys === 'all' ? KEYS : { gating, scoringFunc, groups }),
    ...{ biased: biased && keys === 'none', near, keyed: keys === 'biased' },
    weights: late ? 'late' : weights,
  };
  const rowsPerWorkgroup = picksMany ? 1 : workgroupSize / row.lanes;
  const countable = !picksMany && rows_per_token === 1 && width <= rowsPerWorkgroup * MAX_TILE_EXPERTS;
  return {
    ...{ groups, keys, scored, weighs, late, rowsPerWorkgroup },
    select: picksMany ? undefined : select,
    counted: countable ? Math.ceil(width / workgroupSize) : 0,
  };
}

/** How route-select takes keys that need nothing more. */
const KEYS = { gating: 'keys', scoringFunc: 'none', groups: 'all' } as const;

/** Whether weights need more than the choices of a token and two numbers. */
function hasMore({ perExpertScale, globalScale, sharedLogits, expertCapacity }: RouteCall): boolean {
  return perExpertScale !== null || globalScale !== null || sharedLogits !== null || expertCapacity > 0;
}

function weightsOf({ normTopkProb, routedScalingFactor }: RouteCall): Weights {
  if (normTopkProb) return 'normalised';
  return routedScalingFactor === 1 ? 'scores' : 'scaled';
}

/** Chooses the experts, in cuts; with their scores and weights if the selection says so. */
export function chooseExperts(
  schedule: Schedule,
  call: RouteCall,
  selection: Selection,
  count: boolean,
): Tiles | undefined {
  const { numExperts, nGroup } = call;
  const { rowsPerWorkgroup, counted } = selection;
  // Whole tiles, if they are counted.
  const counts = count && counted > 0;
  const cuts = routeCuts(schedule, call, counts ? rowsPerWorkgroup : 1);
  const whole = cuts.length === 1 || cuts[0].end % rowsPerWorkgroup === 0;
  const tiles = counts && whole ? makeTiles(schedule, call, rowsPerWorkgroup) : undefined;
  // One cut after the other uses the same workspace.
  const most = cuts[0].end;
  const keys = selection.keys === 'none' ? undefined : schedule.workspace(most * numExperts * 4);
  const groupKeys = selection.keys === 'all' ? schedule.workspace(most * nGroup * 4) : undefined;
  for (const cut of cuts) {
    if (keys) makeKeys(schedule, call, groupKeys ? selection.groups : 'all', cut, keys, groupKeys);
    launchCut(schedule, call, selection, tiles, cut, keys);
  }
  return tiles;
}

function makeKeys(
  schedule: Schedule,
  call: RouteCall,
  groups: Groups,
  cut: Cut,
  keys: View,
  groupKeys: View | undefined,
): void {
  const { scoringFunc, eScoreCorrectionBias, gatingDtype } = call;
  const biased = eScoreCorrectionBias !== null;
  schedule.launch(
    scoreExperts({ gating: gatingDtype as FloatDType, scoringFunc, biased, groups }),
    {
      ...routeBindings(call, cut),
      expert_keys: wholeView(keys),
      group_keys: groupKeys ? wholeView(groupKeys) : null,
    },
    routeParams(call, cut),
    cut.end - cut.first,
  );
}

function launchCut(
  schedule: Schedule,
  call: RouteCall,
  { select, weighs, counted, rowsPerWorkgroup }: Selection,
  tiles: Tiles | undefined,
  cut: Cut,
  keys: View | undefined,
): void {
  const { first, end } = cut;
  const bindings = routeBindings(call, cut);
  const params = routeParams(call, cut);
  if (keys) {
    bindings[select?.keyed ? 'expert_keys' : 'gating_output'] = cutRows(keys, call.numExperts, first, end);
  }
  // Those that are skipped belong to the sum.
  if (!weighs) params.skipped_from = call.numExperts;
  if (tiles) {
    bindings.places = rowsOf(tiles.places, call.topK, first, end);
    bindings.tile_entries = wholeView(tiles.entries);
    params.tiles = tiles.count;
  }
  const kernel = select
    ? routeSelect({ ...select, counted: tiles ? counted : 0 })
    : routeRank(keys ? 'keys' : (call.gatingDtype as FloatDType));
  schedule.launch(kernel, bindings, params, (params.rows - params.first_row) / rowsPerWorkgroup);
}
