import { type ArrayOf, DTYPES, type DType, type Tensor } from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';

/** What a case uploads, and what it expects back. */
export type { HostTensor };

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The bytes of a typed array, shared with it. */
export function bytesOf(data: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** What a backend's tensor holds. */
export async function readHost<D extends DType>(
  tensor: Tensor & { readonly dtype: D },
): Promise<HostTensor<D>> {
  return { data: (await tensor.read()) as ArrayOf<D>, shape: tensor.shape, dtype: tensor.dtype };
}

/** A tensor of zeros. */
export function hostTensor<D extends DType>(dtype: D, shape: readonly number[]): HostTensor<D> {
  return { data: new DTYPES[dtype].ArrayType(elementCount(shape)), shape, dtype };
}
