import type { DispatchTensors, DType, Tensor } from '@moe-dispatch/core';
import { bytesOf, type HostTensor, hostTensor } from '../host-tensor.js';
import { kindsOf } from '../operations/host-call.js';
import { OPERATIONS, type OperationName, type Sizes } from '../operations/table.js';
import type { Session } from '../session.js';

export interface OutputSizes extends Sizes {
  /** Of rows. */
  readonly dtype: DType;
}

/** No right result looks like this, so an element that was not written shows. */
export function poisoned<D extends DType>(dtype: D, shape: readonly number[]): HostTensor<D> {
  const tensor = hostTensor(dtype, shape);
  bytesOf(tensor.data).fill(0xa5);
  return tensor;
}

/** Poisoned tensors for all outputs of an operation, by their names. */
export function poisonedOutputs(
  operation: OperationName,
  { dtype, ...sizes }: OutputSizes,
): Record<string, HostTensor> {
  const kinds = Object.entries(kindsOf(OPERATIONS[operation].outputs, sizes, dtype));
  return Object.fromEntries(kinds.map(([name, kind]) => [name, poisoned(kind.dtype, kind.shape)]));
}

/** The caller's tensors for all results of moeDispatch, poisoned. */
export function dispatchOut(session: Session, sizes: OutputSizes): DispatchTensors<Tensor> {
  const hosts = Object.entries(poisonedOutputs('moeDispatch', sizes));
  return Object.fromEntries(hosts.map(([name, host]) => [name, session.upload(host)])) as never;
}
