import type { Call } from '@moe-dispatch/core/backend';
import type { Schedule } from '../schedule.js';
import { type View, wordsPerBinding } from '../segments.js';
import { copyLayout, permuteRows } from './permute-rows.js';
import { placeFewPairs, placeTiles, type RowCopy } from './place-pairs.js';
import { countTiles, fewPairs, scan, type Tiles } from './tiles.js';
import { weighRows } from './weigh-rows.js';

/** Where every pair goes. */
export function planDispatch(schedule: Schedule, call: Call<'planDispatch', View>): void {
  if (call.tokens === 0) clearPlan(schedule, call);
  else place(schedule, call, undefined, undefined);
}

/**
 * `planDispatch`, then `permuteRows`; in one pass if the rows allow it.
 * @param counted what the routing has counted of the pairs.
 */
export function planAndPermute(
  schedule: Schedule,
  call: Call<'moeDispatch', View>,
  counted: Tiles | undefined,
): void {
  if (call.tokens === 0) {
    clearPlan(schedule, call);
    return;
  }
  const { x, permuteInput } = call;
  const layout = copyLayout(schedule.device, call);
  const oneCut = call.tokens * call.topK <= wordsPerBinding(schedule.device.limits);
  if (layout?.whole && oneCut) {
    place(schedule, call, counted, { x, permuteInput, layout });
    weighRows(schedule, call);
  } else {
    place(schedule, call, counted, undefined);
    permuteRows(schedule, call);
  }
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
