import type { Call } from '@moe-dispatch/core/backend';
import {
  type FewPairs,
  placeCounted,
  placeCountedAndCopy,
  placeFew,
  placeFewAndCopy,
} from '../kernels/place-pairs.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { rowsOf, type Segment, segments, type View, wholeView } from '../segments.js';
import type { CopyLayout } from './permute-rows.js';
import { type Tiles, tokenCuts } from './tiles.js';

/** The rows to copy while their pairs are placed. */
export interface RowCopy {
  readonly x: View;
  readonly permuteInput: View;
  readonly layout: CopyLayout;
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
    const workgroups = lead + cut.workgroups;
    if (copy === undefined) schedule.launch(placeFew(few), bindings, params, workgroups);
    else {
      const rows = copyArguments(copy);
      const kernel = placeFewAndCopy(few, copy.layout.unit);
      schedule.launch(kernel, { ...bindings, ...rows.bindings }, { ...params, ...rows.params }, workgroups);
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
      const rows = copyArguments(copy);
      const kernel = placeCountedAndCopy(copy.layout.unit);
      schedule.launch(
        kernel,
        { ...bindings, ...rows.bindings },
        { ...params, ...rows.params },
        cut.workgroups,
      );
    }
  }
}

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

/** What the variants that copy take besides. */
function copyArguments({ x, permuteInput, layout }: RowCopy) {
  const bindings: Record<'x' | 'permute_input', Segment> = {
    x: wholeView(x),
    permute_input: wholeView(permuteInput),
  };
  return { bindings, params: { row_units: layout.rowUnits } };
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
