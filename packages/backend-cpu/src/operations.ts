import type { Call, Operations } from '@moe-dispatch/core/backend';
import { checkMap } from './check-indices.js';
import type { Kernels } from './kernels.js';
import { moveRows } from './move-rows.js';
import { planDispatch } from './plan.js';
import { reduceTokens } from './reduce.js';
import { routeTokens } from './route.js';
import { simdMoveRows, simdMoves } from './simd-move.js';
import { simdReduces, simdReduceTokens } from './simd-reduce.js';
import { simdRoutes, simdRouteTokens } from './simd-route.js';
import type { CpuTensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** The operations, each in the same workspace: by WebAssembly kernels where they can, else in JavaScript. */
export function cpuOperations(
  kernels: Kernels | null,
  workspace: Workspace,
): Required<Operations<CpuTensor>> {
  const operations: Required<Operations<CpuTensor>> = {
    moeDispatch(call) {
      operations.routeTokens(call);
      operations.planDispatch(call);
      move(call);
    },
    routeTokens(call) {
      if (kernels !== null && simdRoutes(call)) {
        simdRouteTokens(kernels, call, workspace.route.fit(call, false));
      } else routeTokens(call, workspace.route.fit(call, true));
    },
    planDispatch(call) {
      planDispatch(call, workspace.forExperts(call.numExperts - call.zeroExperts));
    },
    permuteRows(call) {
      checkMap(call.permuteIndicesPerToken, workspace);
      move(call);
    },
    moeReduce(call) {
      if (kernels !== null && simdReduces(call)) simdReduceTokens(kernels, call);
      else reduceTokens(call, workspace.forReduce(call.topK, call.hidden));
    },
  };
  function move(call: Call<'permuteRows', CpuTensor>): void {
    if (kernels !== null && simdMoves(call)) simdMoveRows(kernels, call);
    else moveRows(call);
  }
  return operations;
}
