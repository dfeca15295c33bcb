import type { OperationName } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import { type DeviceTraits, Schedule } from '../schedule.js';
import type { View } from '../segments.js';
import { moeReduce } from './moe-reduce.js';
import { permuteRows } from './permute-rows.js';
import { copiesWhilePlacing, planAndPermute, planDispatch } from './plan-dispatch.js';
import { routeTokens } from './route-tokens.js';
import { fewPairs } from './tiles.js';

type Scheduler<Op extends OperationName> = (schedule: Schedule, call: Call<Op, View>) => void;

/** What each operation does. One that is missing here is not implemented. */
export const SCHEDULERS: { readonly [Op in OperationName]?: Scheduler<Op> } = {
  moeDispatch: (schedule, call) => {
    const copy = copiesWhilePlacing(schedule.device, call);
    const routed = routeTokens(schedule, call, !fewPairs(schedule.device, call), copy !== undefined);
    planAndPermute(schedule, call, routed, copy);
  },
  routeTokens: (schedule, call) => void routeTokens(schedule, call),
  planDispatch,
  permuteRows,
  moeReduce,
};

/** The schedule of an operation, from sizes, attributes and where its tensors' bytes are. */
export function scheduleOf<Op extends OperationName>(
  operation: Op,
  device: DeviceTraits,
  call: Call<Op, View>,
): Schedule {
  const schedule = new Schedule(device);
  (SCHEDULERS[operation] as Scheduler<Op>)(schedule, call);
  return schedule;
}
