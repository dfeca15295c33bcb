import type { Operations } from '@moe-dispatch/core/backend';
import { checkPermutation } from './check-indices.js';
import { moveRows } from './move-rows.js';
import { planDispatch } from './plan.js';
import { reduceTokens } from './reduce.js';
import { routeTokens } from './route.js';
import type { SimdRouter } from './simd-route.js';
import type { CpuTensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** The operations, each in the same workspace. */
export function cpuOperations(
  router: SimdRouter | null,
  workspace: Workspace,
): Required<Operations<CpuTensor>> {
  const operations: Required<Operations<CpuTensor>> = {
    moeDispatch(call) {
      operations.routeTokens(call);
      operations.planDispatch(call);
      moveRows(call, workspace);
    },
    routeTokens(call) {
      if (router === null) routeTokens(call, workspace.forExperts(call.numExperts));
      else router.route(call);
    },
    planDispatch(call) {
      planDispatch(call, workspace.forExperts(call.numExperts));
    },
    permuteRows(call) {
      checkPermutation(call.permuteIndicesPerToken, workspace);
      moveRows(call, workspace);
    },
    moeReduce(call) {
      reduceTokens(call, workspace.forReduce(call.topK, call.hidden));
    },
  };
  return operations;
}
