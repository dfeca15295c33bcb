import { cpu } from '@moe-dispatch/backend-cpu';
import { DTYPES, type DType, moeDispatch, moeReduce } from '@moe-dispatch/core';
import { expect } from 'vitest';
import type { WebGpuBackend } from '../src/index.js';

export interface Sizes {
  tokens: number;
  hidden: number;
  experts: number;
  topK: number;
  dtype?: DType;
}

const NAMES = [
  'permuteInput',
  'tokenNumsPerExpert',
  'expertOffsets',
  'permuteIndicesPerToken',
  'topKIndices',
  'expertScalesFloat',
] as const;

/** Values that any dtype can hold, and distinct gating values, the same each time. */
export function inputs({ tokens, hidden, experts, dtype = 'float32' }: Sizes) {
  const { ArrayType, bytes } = DTYPES[dtype];
  const rows = Uint8Array.from({ length: tokens * hidden * bytes }, (_, i) => (i * 37) % 64);
  // Typed as that of float32: the compiler cannot tie it to a dtype that is not known here.
  const x = new ArrayType(rows.buffer) as Float32Array<ArrayBuffer>;
  const gating = Float32Array.from({ length: tokens * experts }, (_, i) => ((i * 2654435761) % 9973) / 997);
  return { x, gating, xShape: [tokens, hidden], gatingShape: [tokens, experts], dtype };
}

/** Checks moeDispatch and moeReduce, byte for byte, against the CPU backend. */
export async function checkDispatch(backend: WebGpuBackend, sizes: Sizes): Promise<void> {
  const { x, gating, xShape, gatingShape, dtype } = inputs(sizes);
  const reference = await cpu().create();
  const xTensor = backend.tensor(x, xShape, dtype as 'float32');
  const gatingTensor = backend.tensor(gating, gatingShape, 'float32');
  const options = { moeTopk: sizes.topK };
  const found = moeDispatch(xTensor, gatingTensor, options);
  const expected = moeDispatch(
    reference.tensor(x, xShape, dtype as 'float32'),
    reference.tensor(gating, gatingShape, 'float32'),
    options,
  );
  for (const name of NAMES) expect(await found[name].read(), name).toEqual(await expected[name].read());
  if (dtype === 'float32') {
    const reduced = moeReduce(found.permuteInput, found);
    expect(await reduced.read()).toEqual(await moeReduce(expected.permuteInput, expected).read());
    reduced.dispose();
  }
  for (const tensor of [xTensor, gatingTensor, found]) tensor.dispose();
  reference.dispose();
}
