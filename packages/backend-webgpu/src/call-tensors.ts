import { DTYPES } from '@moe-dispatch/core';
import {
  type Call,
  INPUTS,
  type OperationName,
  OUTPUTS,
  type Spec,
  TENSORS,
  type TensorName,
} from './call.js';
import type { View } from './segments.js';

type Tensors<T> = Readonly<Partial<Record<TensorName, T | null>>>;

/** The tensors of a call that have these names; an absent one is left out. */
export function tensorsOf<T>(names: readonly TensorName[], call: object): T[] {
  const tensors: T[] = [];
  for (const name of names) {
    const tensor = (call as Tensors<T>)[name];
    if (tensor) tensors.push(tensor);
  }
  return tensors;
}

/** The call with views in place of its tensors. */
export function viewsOf<Op extends OperationName>(
  operation: Op,
  call: Call<Op, { readonly byteOffset: number; readonly byteLength: number }>,
): Call<Op, View> {
  const views: Record<string, unknown> = { ...call };
  for (const memory of [...INPUTS[operation], ...OUTPUTS[operation]]) {
    const tensor = (call as Tensors<View>)[memory];
    if (tensor) views[memory] = { memory, byteOffset: tensor.byteOffset, byteLength: tensor.byteLength };
  }
  return views as never;
}

/** The call that a prepared operation expects for so many tokens: each tensor at the start of a buffer. */
export function expectedCall<Op extends OperationName>(
  operation: Op,
  spec: Spec<Op>,
  tokens: number,
): Call<Op, View> {
  const sizes = { ...spec, tokens };
  const call = { ...sizes } as Record<string, unknown>;
  for (const memory of [...INPUTS[operation], ...OUTPUTS[operation]]) {
    const { dtype, shape } = TENSORS[memory];
    const { bytes } = DTYPES[dtype === 'rows' ? spec.dtype : dtype];
    const byteLength = shape(sizes).reduce((product, size) => product * size, bytes);
    call[memory] = { memory, byteOffset: 0, byteLength };
  }
  return call as never;
}
