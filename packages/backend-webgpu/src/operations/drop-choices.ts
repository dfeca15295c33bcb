import type { Call } from '@moe-dispatch/core/backend';
import { dropChoices, orderTokens, queueChoices } from '../kernels/capacity.wgsl.js';
import type { Schedule } from '../schedule.js';
import { rowsPerBinding, type View, wholeView } from '../segments.js';
import { planDispatch } from './plan-dispatch.js';

/**
 * Drops the choices that an expert has no room for. They are put in the order in which they queue and planned as tokens with
 * one choice each: then the rows between an expert's first one and a choice's are the choices before it.
 * @param tokenKeys by which tokens come first; undefined if they come in their order.
 */
export function dropBeyondCapacity(
  schedule: Schedule,
  call: Call<'routeTokens', View>,
  tokenKeys: View | undefined,
): void {
  const { tokens, topK, numExperts, expertCapacity } = call;
  const workgroups = (tokens * topK) / schedule.device.workgroupSize;
  // Queues are not cut.
  rowsPerBinding(schedule.device.limits, tokens * topK, 1, 'router.expertCapacity');
  const order = tokenKeys && orderOf(schedule, tokens, tokenKeys);
  const ordered = order !== undefined;
  const words = (count: number) => schedule.workspace(count * 4);
  const plan: Call<'planDispatch', View> = {
    ...{ tokens: tokens * topK, topK: 1, numExperts, zeroExperts: 0, hidden: 0, sharedExperts: 0 },
    ...{ dtype: 'float32', gatingDtype: 'float32', tensors: [] },
    topKIndices: words(tokens * topK),
    permuteIndicesPerToken: words(tokens * topK),
    tokenNumsPerExpert: words(2 * numExperts),
    expertOffsets: words(numExperts + 1),
  };
  const choices = wholeView(call.topKIndices);
  const orderBinding = order ? wholeView(order) : null;
  schedule.launch(
    queueChoices(ordered),
    { top_k_indices: choices, queue: wholeView(plan.topKIndices), order: orderBinding },
    { tokens, top_k: topK },
    workgroups,
  );
  planDispatch(schedule, plan);
  schedule.launch(
    dropChoices(ordered),
    {
      ...{ queue_rows: wholeView(plan.permuteIndicesPerToken), order: orderBinding },
      ...{ expert_offsets: wholeView(plan.expertOffsets), top_k_indices: choices },
      expert_scales_float: wholeView(call.expertScalesFloat),
    },
    { tokens, top_k: topK, capacity: expertCapacity },
    workgroups,
  );
}

function orderOf(schedule: Schedule, tokens: number, tokenKeys: View): View {
  const order = schedule.workspace(tokens * 4);
  schedule.launch(
    orderTokens,
    { token_keys: wholeView(tokenKeys), order: wholeView(order) },
    { tokens },
    tokens / schedule.device.workgroupSize,
  );
  return order;
}
