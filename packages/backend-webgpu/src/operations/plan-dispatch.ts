import type { Call } from '@moe-dispatch/core/backend';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { type View, wordsPerBinding } from '../segments.js';
import { copyLayout, permuteRows } from './permute-rows.js';
import { placeFewPairs, placeTiles, type RowCopy } from './place-pairs.js';
import type { Routed } from './route-tokens.js';
import { countTiles, fewPairs, scan, type Tiles } from './tiles.js';
import { weighRows } from './weigh-rows.js';

/** Where every pair goes. */
export function planDispatch(schedule: Schedule, call: Call<'planDispatch', View>): void {
  if (call.tokens === 0) clearPlan(schedule, call);
  else place(schedule, call, undefined, undefined);
}

/** How rows are copied while their pairs are placed; undefined if they must be moved apart. */
export function copiesWhilePlacing(
  device: DeviceTraits,
  call: Call<'moeDispatch', View>,
): RowCopy | undefined {
  const layout = copyLayout(device, call);
  const oneCut = call.tokens * call.topK <= wordsPerBinding(device.limits);
  return layout?.whole && oneCut ? { call, layout } : undefined;
}

/**
 * `planDispatch`, then `permuteRows`; in one pass if there is a `copy`, the rows allowing it.
 * @param routed what the routing has left.
 */
export function planAndPermute(
  schedule: Schedule,
  call: Call<'moeDispatch', View>,
  { tiles, late }: Routed,
  copy: RowCopy | undefined,
): void {
  if (call.tokens === 0) {
    clearPlan(schedule, call);
    return;
  }
  place(schedule, call, tiles, copy && { ...copy, late });
  if (copy) weighRows(schedule, call);
  else permuteRows(schedule, call);
}

function clearPlan(schedule: Schedule, call: Call<'planDispatch', View>): void {
  schedule.clear(call.tokenNumsPerExpert);
  schedule.clear(call.expertOffsets);
}

function place(
  schedule: Schedule,
  allExperts: Call<'planDispatch', View>,
  counted: Tiles | undefined,
  copy: RowCopy | undefined,
): void {
  // Zero experts get no rows, as numbers that are no experts.
  const call = { ...allExperts, numExperts: allExperts.numExperts - allExperts.zeroExperts };
  if (fewPairs(schedule.device, call)) {
    placeFewPairs(schedule, call, copy);
    return;
  }
  const tiles = counted ?? countTiles(schedule, call);
  scan(schedule, call, tiles);
  placeTiles(schedule, call, tiles, copy);
}
