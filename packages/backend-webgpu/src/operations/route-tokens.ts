import type { Call, Router, Spec } from '@moe-dispatch/core/backend';
import { routeRank } from '../kernels/route-rank.wgsl.js';
import {
  lanesForRow,
  type RouteSelectOptions,
  routeSelect,
  routeSelectCounted,
} from '../kernels/route-select.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { rowsOf, rowsPerBinding, type View, wholeView } from '../segments.js';
import { makeTiles, type Tiles } from './tiles.js';

/** From this many choices on, ranking all experts at once beats picking one after the other. */
const MANY_PICKS = 32;

/** How the kernels route: whether they pick one expert of each group, and whether scales are the values themselves. */
const ROUTERS: Record<Router, { readonly grouped: boolean; readonly topkOnly: boolean }> = {
  softmax: { grouped: false, topkOnly: false },
  group: { grouped: true, topkOnly: false },
  'topk-only': { grouped: false, topkOnly: true },
};

/**
 * Chooses experts and their scales.
 * @param count whether to count the choices by tile as well, if the kernel can.
 * @returns the counts, if any.
 */
export function routeTokens(
  schedule: Schedule,
  call: Call<'routeTokens', View>,
  count: boolean,
): Tiles | undefined {
  const { device } = schedule;
  const { tokens, numExperts } = call;
  const selection = chooseSelection(device, call);
  // The choices, being fewer than the gating values, fit too.
  const most = rowsPerBinding(device.limits, numExperts, 1, 'gatingOutput');
  const { rowsPerWorkgroup } = selection;
  const counts = count && selection.countable && rowsPerWorkgroup <= most;
  const tiles = counts ? makeTiles(schedule, call, rowsPerWorkgroup) : undefined;
  // Whole tiles, if they are counted.
  const step = tiles ? most - (most % rowsPerWorkgroup) : most;
  for (let first = 0; first < tokens; first += step) {
    launchCut(schedule, call, selection, tiles, first, Math.min(first + step, tokens));
  }
  return tiles;
}

function launchCut(
  schedule: Schedule,
  call: Call<'routeTokens', View>,
  { width, picks, groups, rowsPerWorkgroup, select, topkOnly }: Selection,
  tiles: Tiles | undefined,
  first: number,
  end: number,
): void {
  const { numExperts, topK } = call;
  const bindings = {
    gating_output: rowsOf(call.gatingOutput, numExperts, first, end),
    top_k_indices: rowsOf(call.topKIndices, topK, first, end),
    expert_scales_float: rowsOf(call.expertScalesFloat, topK, first, end),
  };
  const params = { first_row: first * groups, rows: end * groups, width, picks };
  const workgroups = ((end - first) * groups) / rowsPerWorkgroup;
  if (select === undefined) schedule.launch(routeRank(topkOnly), bindings, params, workgroups);
  else if (tiles === undefined) {
    schedule.launch(routeSelect(select), bindings, { ...params, groups }, workgroups);
  } else {
    const places = rowsOf(tiles.places, topK, first, end);
    schedule.launch(
      routeSelectCounted(select),
      { ...bindings, places, tile_entries: wholeView(tiles.entries) },
      { ...params, groups, tiles: tiles.count },
      workgroups,
    );
  }
}

/** How rows are chosen from. A row is a token, or a group of a token of which the best expert is picked. */
interface Selection {
  readonly width: number;
  readonly picks: number;
  readonly groups: number;
  readonly rowsPerWorkgroup: number;
  readonly topkOnly: boolean;
  /** For picking one choice after the other; undefined if all are ranked at once. */
  readonly select: RouteSelectOptions | undefined;
  /** Whether the kernel can count the choices, a workgroup's tokens as a tile. */
  readonly countable: boolean;
}

function chooseSelection(
  { workgroupSize, subgroupSize }: DeviceTraits,
  { numExperts, topK, router }: Spec<'routeTokens'>,
): Selection {
  const { grouped, topkOnly } = ROUTERS[router];
  const groups = grouped ? topK : 1;
  const sizes = { width: numExperts / groups, picks: topK / groups, groups, topkOnly };
  const { width, picks } = sizes;
  if (picks > Math.min(MANY_PICKS, workgroupSize)) {
    return { ...sizes, rowsPerWorkgroup: 1, select: undefined, countable: false };
  }
  const { lanes, slots } = lanesForRow(width, picks, workgroupSize);
  return {
    ...sizes,
    rowsPerWorkgroup: workgroupSize / lanes,
    select: { lanes, slots, subgroups: lanes <= subgroupSize, topkOnly },
    countable: groups === 1 && width <= workgroupSize,
  };
}
