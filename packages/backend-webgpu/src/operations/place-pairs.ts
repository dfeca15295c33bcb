import type { Call } from '@moe-dispatch/core/backend';
import type { LateScores } from '../kernels/choice-weights.wgsl.js';
import {
  type FewPairs,
  placeCounted,
  placeCountedAndCopy,
  placeFew,
  placeFewAndCopy,
} from '../kernels/place-pairs.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { rowsOf, segments, type View, wholeView } from '../segments.js';
import type { CopyLayout } from './permute-rows.js';
import { routeBindings, routeParams } from './route-launches.js';
import { type Tiles, tokenCuts } from './tiles.js';

/** The rows to copy while their pairs are placed, and the weights that are made meanwhile, if any. */
export interface RowCopy {
  readonly call: Call<'moeDispatch', View>;
  readonly layout: CopyLayout;
  readonly late?: LateScores | undefined;
}

type PlanCall = Call<'planDispatch', View>;

/** Finds the rows of few pairs, and all else that the plan has. */
export function placeFewPairs(schedule: Schedule, call: PlanCall, copy: RowCopy | undefined): void {
  const { device } = schedule;
  const workgroupTokens = copy?.layout.workgroupTokens ?? Math.min(8, mostTokens(device, call.topK));
  const few: FewPairs = {
    lanes: device.workgroupSize / nextPowerOfTwo(Math.min(workgroupTokens * call.topK, device.workgroupSize)),
    slice: sliceExperts(device),
  };
  for (const [i, cut] of placeCuts(schedule, call, workgroupTokens, call.tokens).entries()) {
    const bindings = {
      ...cut.bindings,
      expert_offsets: wholeView(call.expertOffsets),
      token_nums_per_expert: wholeView(call.tokenNumsPerExpert),
    };
    const lead = i === 0 ? 1 : 0;
    const params = { ...cut.params, lead };
    if (copy === undefined) schedule.launch(placeFew(few), bindings, params, lead + cut.workgroups);
    else {
      const rows = copyArguments(device, copy, cut);
      const kernel = placeFewAndCopy(few, copy.layout.unit, rows.late);
      schedule.launch(
        kernel,
        { ...rows.bindings, ...bindings },
        { ...rows.params, ...params },
        lead + rows.workgroups,
      );
    }
  }
}

/** Finds the rows of pairs that were counted and scanned by tile. */
export function placeTiles(
  schedule: Schedule,
  call: PlanCall,
  tiles: Tiles,
  copy: RowCopy | undefined,
): void {
  const workgroupTokens = copy?.layout.workgroupTokens ?? mostTokens(schedule.device, call.topK);
  for (const cut of placeCuts(schedule, call, workgroupTokens, tiles.tokens)) {
    const bindings = {
      ...cut.bindings,
      places: rowsOf(tiles.places, call.topK, cut.params.token_start, cut.params.token_end),
      tile_entries: wholeView(tiles.entries),
    };
    const params = { ...cut.params, tiles: tiles.count, tile_tokens: tiles.tokens };
    if (copy === undefined) schedule.launch(placeCounted(), bindings, params, cut.workgroups);
    else {
      const rows = copyArguments(schedule.device, copy, cut);
      const kernel = placeCountedAndCopy(copy.layout.unit, rows.late);
      schedule.launch(
        kernel,
        { ...rows.bindings, ...bindings },
        { ...rows.params, ...params },
        rows.workgroups,
      );
    }
  }
}

type PlaceCut = ReturnType<typeof placeCuts>[number];

/** What every variant of place-pairs takes, for cuts of the tokens and of the inverse map. */
function placeCuts(schedule: Schedule, call: PlanCall, workgroupTokens: number, tileTokens: number) {
  const { device } = schedule;
  const { tokens, topK, numExperts } = call;
  return tokenCuts(device, call, tileTokens).flatMap(({ first, end }) =>
    segments(call.permuteIndicesPerToken, device.limits).map((map) => ({
      bindings: {
        top_k_indices: rowsOf(call.topKIndices, topK, first, end),
        permute_indices_per_token: map,
      },
      params: {
        ...{ top_k: topK, experts: numExperts, tokens, workgroup_tokens: workgroupTokens },
        ...{ token_start: first, token_end: end },
      },
      workgroups: (end - first) / workgroupTokens,
    })),
  );
}

/** What the variants that copy take besides, and the workgroups that they have with those that weigh. */
function copyArguments({ workgroupSize }: DeviceTraits, { call, layout, late }: RowCopy, cut: PlaceCut) {
  const tokens = { first: cut.params.token_start, end: cut.params.token_end };
  const route = routeParams(call, tokens);
  const moving = Math.ceil(cut.workgroups);
  // A lane has two logits, or up to eight if weighing took more than half as many workgroups as moving.
  const threads = workgroupSize / (route.rows - route.first_row);
  const most = Math.min(Math.max(route.width / 2, 8), workgroupSize, (moving / 2) * threads);
  const least = Math.max(route.picks, Math.min(route.width / 8, workgroupSize));
  const lanes = Math.max(nextPowerOfTwo(least), 2 ** Math.floor(Math.log2(most)));
  const weigh_groups = Math.ceil(lanes / threads);
  const workgroups = late ? moving + weigh_groups : moving;
  // The last that weigh start well before the last that move.
  const stride = Math.max(1, Math.floor((0.75 * workgroups) / weigh_groups));
  return {
    late: late && { ...late, lanes },
    bindings: {
      ...routeBindings(call, tokens),
      ...{ x: wholeView(call.x), permute_input: wholeView(call.permuteInput) },
    },
    params: { ...route, row_units: layout.rowUnits, stride, weigh_groups },
    workgroups,
  };
}

/** Experts counted at a time: a multiple of the workgroup's size that leaves half of its memory. */
function sliceExperts({ limits, workgroupSize }: DeviceTraits): number {
  const words = Math.min(2048, Math.floor(limits.maxComputeWorkgroupStorageSize / 8));
  return Math.max(1, Math.floor(words / workgroupSize)) * workgroupSize;
}

/** Tokens whose pairs have a thread each. */
function mostTokens({ workgroupSize }: DeviceTraits, topK: number): number {
  return Math.max(1, Math.floor(workgroupSize / topK));
}

function nextPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
