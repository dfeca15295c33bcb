import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import type { Call, GroupScoreFunc, Spec } from '@moe-dispatch/core/backend';
import type { Gating } from '../kernels/gating-values.wgsl.js';
import { lanesForRow } from '../kernels/lane-keys.wgsl.js';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import {
  type RouteSelectOptions,
  routeSelect,
  routeSelectCounted,
  type Weights,
} from '../kernels/route-select.wgsl.js';
import { scoreExperts } from '../kernels/score-experts.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { cutRows, rowsOf, rowsPerBinding, type Segment, type View, wholeView } from '../segments.js';
import { floatBits } from './float-bits.js';
import { skippedFrom } from './route-tokens.js';
import { makeTiles, type Tiles } from './tiles.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;
/** Groups that route-select keeps a bit of. */
const MAX_GROUPS = 32;

type RouteCall = Call<'routeTokens', View>;

/** How rows are chosen from. A row is a token, or a group of a token of which the best expert is picked. */
export interface Selection {
  readonly width: number;
  readonly picks: number;
  readonly rowsPerToken: number;
  readonly rowsPerWorkgroup: number;
  readonly groups: GroupScoreFunc | 'all';
  /** Whether score-experts makes keys of the logits first. */
  readonly keyed: boolean;
  /** Whether the scores are there as well. */
  readonly scored: boolean;
  /** Whether they are weights already. */
  readonly weighs: boolean;
  /** For picking one choice after the other; undefined if all are ranked at once. */
  readonly select: RouteSelectOptions | undefined;
  /** Whether the kernel can count the choices, a workgroup's tokens as a tile. */
  readonly countable: boolean;
}

export function chooseSelection(device: DeviceTraits, call: RouteCall): Selection {
  const { workgroupSize, subgroupSize } = device;
  const { numExperts, topK, selection, nGroup, topkGroup, scoringFunc, groupScoreFunc } = call;
  const rowsPerToken = selection === 'one_per_group' ? topK : 1;
  const width = numExperts / rowsPerToken;
  const picks = topK / rowsPerToken;
  const groups = rowsPerToken === 1 && topkGroup < nGroup ? groupScoreFunc : 'all';
  const biased = call.eScoreCorrectionBias !== null;
  const picksMany = picks > Math.min(MANY_PICKS, workgroupSize);
  const largeGroups = groups !== 'all' && nGroup > Math.min(MAX_GROUPS, workgroupSize);
  const { lanes, slots } = lanesForRow(
    width,
    largeGroups ? picks : Math.max(picks, groupsOf(groups, nGroup)),
    workgroupSize,
  );
  const keyed = (biased || groups !== 'all') && (picksMany || largeGroups || slots === 0);
  const scored = !keyed && !picksMany;
  const gating: Gating = keyed ? 'keys' : (call.gatingDtype as FloatDType);
  const weighs = scored && !hasMore(call);
  const select: RouteSelectOptions = {
    ...{ lanes, slots, subgroups: lanes <= subgroupSize, gating },
    scoringFunc: keyed ? 'none' : scoringFunc,
    biased: biased && !keyed,
    groups: keyed ? 'all' : groups,
    weights: weighs ? weightsOf(call) : 'scores',
  };
  return {
    ...{ width, picks, rowsPerToken, groups, keyed, scored, weighs },
    rowsPerWorkgroup: picksMany ? 1 : workgroupSize / lanes,
    select: picksMany ? undefined : select,
    countable: !picksMany && rowsPerToken === 1 && width <= workgroupSize,
  };
}

function groupsOf(groups: GroupScoreFunc | 'all', nGroup: number): number {
  return groups === 'all' ? 1 : nGroup;
}

/** Whether weights need more than the choices of a token and two numbers. */
function hasMore({ perExpertScale, globalScale, sharedLogits, expertCapacity }: RouteCall): boolean {
  return perExpertScale !== null || globalScale !== null || sharedLogits !== null || expertCapacity > 0;
}

function weightsOf({ normTopkProb, routedScalingFactor }: Spec<'routeTokens'>): Weights {
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
  const { tokens, numExperts } = call;
  // The choices, being fewer than the gating values, fit too.
  const most = rowsPerBinding(schedule.device.limits, numExperts, 1, 'gatingOutput');
  const { rowsPerWorkgroup } = selection;
  const counts = count && selection.countable && rowsPerWorkgroup <= most;
  const tiles = counts ? makeTiles(schedule, call, rowsPerWorkgroup) : undefined;
  // Whole tiles, if they are counted.
  const step = tiles ? most - (most % rowsPerWorkgroup) : most;
  const keys = selection.keyed ? schedule.workspace(Math.min(step, tokens) * numExperts * 4) : undefined;
  const grouped = keys !== undefined && selection.groups !== 'all';
  const groupKeys = grouped ? schedule.workspace(Math.min(step, tokens) * call.nGroup * 4) : null;
  for (let first = 0; first < tokens; first += step) {
    const end = Math.min(first + step, tokens);
    let gating = rowsOf(call.gatingOutput, numExperts, first, end, DTYPES[call.gatingDtype].bytes);
    if (keys) {
      makeKeys(schedule, call, selection, { gating, keys, groupKeys, first, end });
      gating = cutRows(keys, numExperts, first, end);
    }
    launchCut(schedule, call, selection, tiles, { gating, first, end });
  }
  return tiles;
}

/** Tokens whose gating is bound. */
interface Cut {
  readonly gating: Segment;
  readonly first: number;
  readonly end: number;
}

function makeKeys(
  schedule: Schedule,
  call: RouteCall,
  { groups }: Selection,
  { gating, keys, groupKeys, first, end }: Cut & { readonly keys: View; readonly groupKeys: View | null },
): void {
  const { numExperts, nGroup, topkGroup, scoringFunc, eScoreCorrectionBias } = call;
  const biased = eScoreCorrectionBias !== null;
  schedule.launch(
    scoreExperts({ gating: call.gatingDtype as FloatDType, scoringFunc, biased, groups }),
    {
      ...{ gating_output: gating, expert_keys: wholeView(keys) },
      e_score_correction_bias: eScoreCorrectionBias && wholeView(eScoreCorrectionBias),
      group_keys: groupKeys && wholeView(groupKeys),
    },
    {
      ...{ first_token: first, end_token: end, experts: numExperts },
      ...{ group_width: numExperts / nGroup, kept_groups: topkGroup },
    },
    end - first,
  );
}

function launchCut(
  schedule: Schedule,
  call: RouteCall,
  { width, picks, rowsPerToken, rowsPerWorkgroup, select, weighs }: Selection,
  tiles: Tiles | undefined,
  { gating, first, end }: Cut,
): void {
  const { numExperts, topK, nGroup, topkGroup, eScoreCorrectionBias: bias } = call;
  const top_k_indices = rowsOf(call.topKIndices, topK, first, end);
  const sizes = { first_row: first * rowsPerToken, rows: end * rowsPerToken, width, picks };
  const workgroups = Math.ceil(((end - first) * rowsPerToken) / rowsPerWorkgroup);
  if (select === undefined) {
    const kernel = routeRank(gating.view === call.gatingOutput ? (call.gatingDtype as FloatDType) : 'keys');
    schedule.launch(kernel, { gating_output: gating, top_k_indices }, sizes, workgroups);
    return;
  }
  const bindings = {
    ...{ gating_output: gating, top_k_indices },
    expert_scales_float: rowsOf(call.expertScalesFloat, topK, first, end),
    e_score_correction_bias: bias && wholeView(bias),
  };
  const params = {
    ...{ ...sizes, rows_per_token: rowsPerToken, group_width: numExperts / nGroup, kept_groups: topkGroup },
    ...{ norm_eps: floatBits(call.normEps), factor: floatBits(call.routedScalingFactor) },
    skipped_from: weighs ? skippedFrom(call) : numExperts,
  };
  if (tiles === undefined) schedule.launch(routeSelect(select), bindings, params, workgroups);
  else {
    schedule.launch(
      routeSelectCounted(select),
      {
        ...bindings,
        places: rowsOf(tiles.places, topK, first, end),
        tile_entries: wholeView(tiles.entries),
      },
      { ...params, tiles: tiles.count, experts: numExperts - call.zeroExperts },
      workgroups,
    );
  }
}
