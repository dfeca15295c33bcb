import type { OperationName } from '@moe-dispatch/core';
import {
  byteLengthOf,
  type Call,
  OPERATIONS,
  type Spec,
  type TensorName,
  tensorDType,
  tensorNames,
  tensorShape,
} from '@moe-dispatch/core/backend';
import type { View } from './segments.js';

/** Where a tensor's bytes are in its buffer. */
interface Layout {
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A call whose tensors are looked up by name. */
export type Tensors<T> = Readonly<Partial<Record<TensorName, T | null>>>;

/** The call with views in place of its tensors. */
export function viewsOf<Op extends OperationName>(operation: Op, call: Call<Op, Layout>): Call<Op, View> {
  const views: Record<string, unknown> = { ...call };
  for (const memory of tensorNames(operation)) {
    const tensor = (call as Tensors<Layout>)[memory];
    if (tensor) views[memory] = { memory, byteOffset: tensor.byteOffset, byteLength: tensor.byteLength };
  }
  return views as never;
}

/** A call of so many tokens, each tensor of which starts a buffer. */
export function typicalCall<Op extends OperationName>(
  operation: Op,
  spec: Spec<Op>,
  tokens: number,
): Call<Op, View> {
  const call = { ...spec, tokens };
  const named: readonly TensorName[] = OPERATIONS[operation].named;
  const views: Record<string, unknown> = { ...call };
  for (const memory of tensorNames(operation)) {
    const byteLength = byteLengthOf(tensorShape(memory, call), tensorDType(memory, spec));
    // Without experts there is no bias.
    const absent = named.includes(memory)
      ? !spec.tensors.includes(memory)
      : memory === 'ffn2Bias' && spec.numExperts === 0;
    views[memory] = absent ? null : { memory, byteOffset: 0, byteLength };
  }
  return views as never;
}
