import type { DispatchTensors, DType, Tensor } from '@moe-dispatch/core';
import { bytesOf, type HostTensor, hostTensor } from '../host-tensor.js';

export interface DispatchSizes {
  readonly tokens: number;
  readonly hidden: number;
  readonly numExperts: number;
  readonly topK: number;
  readonly dtype: DType;
}

export type HostOutputs = { readonly [Name in keyof DispatchTensors<Tensor>]: HostTensor };
export type Outputs = DispatchTensors<Tensor>;

/** No right result looks like this, so an element that was not written shows. */
export function poisoned<D extends DType>(dtype: D, shape: readonly number[]): HostTensor<D> {
  const tensor = hostTensor(dtype, shape);
  bytesOf(tensor.data).fill(0xa5);
  return tensor;
}

/** Poisoned tensors for all results of moeDispatch. */
export function poisonedOutputs({ tokens, hidden, numExperts, topK, dtype }: DispatchSizes): HostOutputs {
  return {
    permuteInput: poisoned(dtype, [topK * tokens, hidden]),
    tokenNumsPerExpert: poisoned('int64', [numExperts]),
    expertOffsets: poisoned('int32', [numExperts + 1]),
    permuteIndicesPerToken: poisoned('int32', [topK, tokens]),
    expertScalesFloat: poisoned('float32', [tokens, topK]),
    topKIndices: poisoned('int32', [tokens, topK]),
  };
}

/** Makes a tensor of each. */
export function mapOutputs(hosts: HostOutputs, make: (host: HostTensor) => Tensor): Outputs {
  const entries = Object.entries(hosts).map(([name, host]) => [name, make(host)]);
  return Object.fromEntries(entries);
}
