import type { DispatchTensors, FloatDType, Tensor } from '@moe-dispatch/core';
import { compareExact, type Place } from './compare.js';
import { type HostTensor, readHost } from './host-tensor.js';
import { type DeviceTensors, type HostCall, issue, requireCall } from './operations/host-call.js';
import { judge } from './operations/judge.js';
import { readOutputs, readTensor } from './operations/read.js';
import type { RoutingMode } from './oracle.js';
import type { ReduceInput } from './oracle-reduce.js';
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
export interface DispatchInput extends RoutingMode {
  /** [T, D] or [B, S, D] */
  readonly x: HostTensor;
  /** [T, E] or [B, S, E] */
  readonly gatingOutput: HostTensor<'float32'>;
}

export function dispatchCall({ x, gatingOutput, ...options }: DispatchInput): HostCall {
  return { operation: 'moeDispatch', inputs: { x, gatingOutput }, options };
}

export function reduceCall({ normTopkProb, routedScalingFactor, ...inputs }: ReduceInput): HostCall {
  return { operation: 'moeReduce', inputs, options: { normTopkProb, routedScalingFactor } as object };
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
