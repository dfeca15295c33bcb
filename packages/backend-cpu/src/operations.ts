import type { Operations } from '@moe-dispatch/core/backend';
import { checkMap } from './check-indices.js';
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
      if (router?.serves(call)) router.route(call, workspace.route.fit(call, false));
      else routeTokens(call, workspace.route.fit(call, true));
    },
    planDispatch(call) {
      planDispatch(call, workspace.forExperts(call.numExperts - call.zeroExperts));
    },
    permuteRows(call) {
      checkMap(call.permuteIndicesPerToken, workspace);
      moveRows(call, workspace);
    },
    moeReduce(call) {
      reduceTokens(call, workspace.forReduce(call.topK, call.hidden));
    },
  };
  return operations;
}
