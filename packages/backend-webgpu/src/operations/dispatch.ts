import type { DispatchCall, PlanCall } from '@moe-dispatch/core';
import type { Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';
import { fewPairs } from './blocks.js';
import { planAndPermute } from './plan.js';
import { route } from './route.js';

/** All of moe_dispatch. */
export function dispatch(steps: Steps, call: DispatchCall<WebGpuTensor>): void {
  const blocks = route(steps, call, !fewPairs(steps.device, call));
  planAndPermute(steps, call, blocks);
}

export function planOutputs(call: PlanCall<WebGpuTensor>): WebGpuTensor[] {
  return [call.tokenNumsPerExpert, call.expertOffsets, call.permuteIndicesPerToken];
}

export function dispatchOutputs(call: DispatchCall<WebGpuTensor>): WebGpuTensor[] {
  return [call.permuteInput, ...planOutputs(call), call.expertScalesFloat, call.topKIndices];
}
