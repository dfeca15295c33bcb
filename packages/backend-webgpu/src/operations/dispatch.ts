import type { DispatchCall, PlanCall } from '@moe-dispatch/core';
import type { Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import { fewPairs } from './blocks.js';
import { planAndPermute } from './plan.js';
import { route, routeAndCount } from './route.js';

/** All of moe_dispatch. */
export function dispatch(steps: Steps, call: DispatchCall<WebGpuTensor>): void {
  if (fewPairs(steps.device, call)) {
    route(steps, call);
    planAndPermute(steps, call, undefined);
  } else planAndPermute(steps, call, routeAndCount(steps, call));
}

export function planOutputs(call: PlanCall<WebGpuTensor>): WebGpuTensor[] {
  return [call.tokenNumsPerExpert, call.expertOffsets, call.permuteIndicesPerToken];
}

export function dispatchOutputs(call: DispatchCall<WebGpuTensor>): WebGpuTensor[] {
  return [call.permuteInput, ...planOutputs(call), call.expertScalesFloat, call.topKIndices];
}
