import type { DispatchTensors, DType, OperationName, Tensor } from '@moe-dispatch/core';
import { bytesOf, type HostTensor, hostTensor } from '../host-tensor.js';
import {
  type CallSizes,
  type DeviceTensors,
  type HostTensors,
  kindsOf,
  mapTensors,
} from '../operations/host-call.js';
import { outputsOf } from '../operations/judge.js';
import type { Session } from '../session.js';

/** No right result looks like this, so an element that was not written shows. */
export function poisoned<D extends DType>(dtype: D, shape: readonly number[]): HostTensor<D> {
  const tensor = hostTensor(dtype, shape);
  bytesOf(tensor.data).fill(0xa5);
  return tensor;
}

/** Poisoned tensors for all outputs of an operation, by their names. */
export function poisonedOutputs(operation: OperationName, sizes: CallSizes): HostTensors {
  const kinds = Object.entries(kindsOf(outputsOf(operation), sizes));
  return Object.fromEntries(kinds.map(([name, { dtype, shape }]) => [name, poisoned(dtype, shape)]));
}

/** The caller's tensors for all results of an operation, poisoned. */
export function uploadOut(session: Session, operation: OperationName, sizes: CallSizes): DeviceTensors {
  return mapTensors(poisonedOutputs(operation, sizes), (host) => session.upload(host));
}

/** Those of moeDispatch. */
export function dispatchOut(session: Session, sizes: CallSizes): DispatchTensors<Tensor> {
  return uploadOut(session, 'moeDispatch', sizes) as DispatchTensors<Tensor>;
}
