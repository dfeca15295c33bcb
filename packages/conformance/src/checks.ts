import type { DispatchTensors, FloatDType, Tensor } from '@moe-dispatch/core';
import { compareExact, type Place } from './compare.js';
import { type HostTensor, readHost } from './host-tensor.js';
import { type DeviceTensors, type HostCall, issue, requireCall } from './operations/host-call.js';
import { judge } from './operations/judge.js';
import { readOutputs, readTensor } from './operations/read.js';
import type { DispatchInputs } from './oracle.js';
import type { ReduceInput, ReduceOptions } from './oracle-reduce.js';
import type { RoutingMode } from './oracle-router.js';
import type { Session } from './session.js';

/** Uploads, calls and checks every output against the oracle. */
export async function checkCall(session: Session, label: string, call: HostCall): Promise<void> {
  await checkOutputs(session, label, call, issue(session, call));
}

/** Checks what a call gave against the oracle. */
export async function checkOutputs(
  session: Session,
  label: string,
  call: HostCall,
  found: DeviceTensors,
): Promise<void> {
  judge(session, label, call, await readOutputs(session, label, call, found));
}

/** What moeDispatch is given. */
export interface DispatchInput extends DispatchInputs, RoutingMode {}

export function dispatchCall(input: DispatchInput): HostCall {
  const { moeTopk, groupMoe, topkOnlyMode, router, ...inputs } = input;
  const options = { moeTopk, groupMoe, topkOnlyMode, router } as RoutingMode;
  return { operation: 'moeDispatch', inputs, options };
}

export function reduceCall(input: ReduceInput): HostCall {
  const { normTopkProb, routedScalingFactor, applyRouterWeightOnInput, ...inputs } = input;
  const options = { normTopkProb, routedScalingFactor, applyRouterWeightOnInput } as ReduceOptions;
  return { operation: 'moeReduce', inputs, options };
}

export function checkDispatchOf(session: Session, label: string, input: DispatchInput): Promise<void> {
  return checkCall(session, label, dispatchCall(input));
}

export function checkDispatch(
  session: Session,
  label: string,
  found: DeviceTensors,
  input: DispatchInput,
): Promise<void> {
  return checkOutputs(session, label, dispatchCall(input), found);
}

/** Ends the case as not claimed unless the backend claims the sizes of this call and its rows. */
export function requireDispatch(session: Session, input: DispatchInput): void {
  requireCall(session, dispatchCall(input));
}

export function checkReduceOf(session: Session, label: string, input: ReduceInput): Promise<void> {
  return checkCall(session, label, reduceCall(input));
}

export function checkReduce(
  session: Session,
  label: string,
  output: Tensor,
  input: ReduceInput,
): Promise<void> {
  return checkOutputs(session, label, reduceCall(input), { output });
}

/** What moeDispatch gave, as moeReduce takes it. */
export async function reduceInputOf(sent: DispatchTensors<Tensor>): Promise<ReduceInput> {
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = sent;
  return {
    ffnOut: await readHost(permuteInput as Tensor & { dtype: FloatDType }),
    expertScalesFloat: await readHost(expertScalesFloat),
    permuteIndicesPerToken: await readHost(permuteIndicesPerToken),
    topKIndices: await readHost(topKIndices),
  };
}

/** Shape, dtype, the array that is read and every byte of it. */
export async function checkExact(
  session: Session,
  place: Place,
  found: Tensor,
  expected: HostTensor,
): Promise<void> {
  const read = await readTensor(session, place, found, expected);
  if (read !== undefined) session.report(compareExact(place, read.data, expected));
}
