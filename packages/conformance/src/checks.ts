import {
  type ArrayOf,
  type DispatchTensors,
  type DType,
  type FloatDType,
  type MoeDispatchOptions,
  type MoeReduceOptions,
  moeDispatch,
  moeReduce,
  type Tensor,
} from '@moe-dispatch/core';
import {
  compareArray,
  compareExact,
  compareReduce,
  compareScales,
  type Place,
  wholeDifference,
} from './compare.js';
import { decode } from './float-formats.js';
import { elementCount, type HostTensor } from './host-tensor.js';
import {
  type ExpectedDispatch,
  type ExpectedPlan,
  type ExpectedReduce,
  type ExpectedRouting,
  type ExpectedScales,
  expectDispatch,
  expectReduce,
  type ReduceInput,
  type RoutingMode,
} from './oracle.js';
import type { Session } from './session.js';

/** What moeDispatch is given. */
export interface DispatchInput extends RoutingMode {
  /** [T, D] or [B, S, D] */
  readonly x: HostTensor;
  /** [T, E] or [B, S, E] */
  readonly gating: HostTensor<'float32'>;
}

/** Uploads, dispatches and checks every output against the oracle. */
export async function checkDispatchOf(session: Session, label: string, input: DispatchInput): Promise<void> {
  requireDispatch(session, input);
  const x = session.upload(input.x);
  const gating = session.upload(input.gating);
  const found = session.keep(moeDispatch(x, gating, optionsOf(input)));
  await checkDispatch(session, label, found, expectDispatch(input.x, input.gating, input));
}

/** Ends the case as not claimed unless the backend claims the sizes of this call and its rows. */
export function requireDispatch(session: Session, { x, gating, moeTopk }: DispatchInput): void {
  session.requireSizes({ numExperts: gating.shape[gating.shape.length - 1], topK: moeTopk });
  session.requireTensor([moeTopk, ...x.shape], x.dtype);
}

/** The options of `input`, without those it leaves out. */
export function optionsOf(input: RoutingMode): MoeDispatchOptions<Tensor> {
  const { moeTopk, groupMoe, topkOnlyMode } = input;
  return {
    moeTopk,
    ...(groupMoe === undefined ? {} : { groupMoe }),
    ...(topkOnlyMode === undefined ? {} : { topkOnlyMode }),
  };
}

export async function checkDispatch(
  session: Session,
  label: string,
  found: DispatchTensors<Tensor>,
  expected: ExpectedDispatch,
): Promise<void> {
  await Promise.all([
    checkRouting(session, label, found, expected),
    checkPlan(session, label, found, expected),
    checkExact(session, { case: label, tensor: 'permuteInput' }, found.permuteInput, expected.permuteInput),
  ]);
}

export async function checkRouting(
  session: Session,
  label: string,
  found: Pick<DispatchTensors<Tensor>, 'topKIndices' | 'expertScalesFloat'>,
  expected: ExpectedRouting,
): Promise<void> {
  const { numExperts, topKIndices, scales } = expected;
  const { shape } = topKIndices;
  const chosenPlace = { case: label, tensor: 'topKIndices' };
  const chosen = await readResult(session, chosenPlace, found.topKIndices, 'int32', shape);
  if (chosen !== undefined) {
    session.recordRouting(numExperts, shape[1], chosen);
    session.report(compareExact(chosenPlace, chosen, topKIndices));
  }
  const place = { case: label, tensor: 'expertScalesFloat' };
  const data = await readResult(session, place, found.expertScalesFloat, 'float32', shape);
  if (data === undefined) return;
  recordScales(session, data, scales);
  session.report(compareScales(place, data, scales, shape));
}

/** Not gating values, which are exact, nor scales so small that the contract lets them be 0. */
function recordScales(session: Session, found: Float32Array, { values, exact }: ExpectedScales): void {
  if (exact) return;
  for (let i = 0; i < values.length; i++) {
    if (values[i] > 1e-37) session.errors.add('expertScalesFloat', 'float32', values[i], found[i]);
  }
}

export async function checkPlan(
  session: Session,
  label: string,
  found: Pick<DispatchTensors<Tensor>, keyof ExpectedPlan>,
  expected: ExpectedPlan,
): Promise<void> {
  for (const tensor of ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'] as const) {
    await checkExact(session, { case: label, tensor }, found[tensor], expected[tensor]);
  }
}

/** Shape, dtype, the array that is read and every byte of it. */
export async function checkExact(
  session: Session,
  place: Place,
  found: Tensor,
  expected: HostTensor,
): Promise<void> {
  const data = await readResult(session, place, found, expected.dtype, expected.shape);
  if (data !== undefined) session.report(compareExact(place, data, expected));
}

/** Uploads, reduces and checks the output against the oracle. */
export async function checkReduceOf(session: Session, label: string, input: ReduceInput): Promise<void> {
  const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias } = input;
  session.requireSizes({ numExperts: ffn2Bias?.shape[0] ?? 0, topK: topKIndices.shape[1] });
  const inputs = [ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices];
  const [ffn, scales, rows, experts] = inputs.map((host) => session.upload(host));
  const options = uploadReduceOptions(session, input);
  const found = session.keep(moeReduce(ffn, scales, rows, experts, options));
  await checkReduce(session, label, found, input);
}

export function uploadReduceOptions(session: Session, input: ReduceInput): MoeReduceOptions<Tensor> {
  const { ffn2Bias, normTopkProb, routedScalingFactor } = input;
  return {
    ...(ffn2Bias === undefined ? {} : { ffn2Bias: session.upload(ffn2Bias) }),
    ...(normTopkProb === undefined ? {} : { normTopkProb }),
    ...(routedScalingFactor === undefined ? {} : { routedScalingFactor }),
  };
}

export async function checkReduce(
  session: Session,
  label: string,
  found: Tensor,
  input: ReduceInput,
): Promise<void> {
  const expected = expectReduce(input);
  const place = { case: label, tensor: 'output' };
  const data = await readResult(session, place, found, expected.dtype, expected.shape);
  if (data === undefined) return;
  recordReduce(session, data, expected);
  session.report(compareReduce(place, data, expected));
}

function recordReduce(session: Session, found: ArrayOf<FloatDType>, { values, dtype }: ExpectedReduce): void {
  const decoded = decode(dtype, found);
  for (let i = 0; i < values.length; i++) session.errors.add(`output ${dtype}`, dtype, values[i], decoded[i]);
}

/** The elements of a result, or undefined where what holds them is wrong, which is reported. */
async function readResult<D extends DType>(
  session: Session,
  place: Place,
  found: Tensor,
  dtype: D,
  shape: readonly number[],
): Promise<ArrayOf<D> | undefined> {
  const kind = (of: { dtype: string; shape: readonly number[] }) => `${of.dtype} [${of.shape.join(', ')}]`;
  const expected = kind({ dtype, shape });
  if (kind(found) !== expected) {
    session.report([wholeDifference(place, expected, kind(found))]);
    return undefined;
  }
  const data = await found.read();
  const wrongArray = compareArray(place, data, dtype, elementCount(shape));
  if (wrongArray === undefined) return data as ArrayOf<D>;
  session.report([wrongArray]);
  return undefined;
}
