import { cpu } from '@moe-dispatch/backend-cpu';
import { DTYPES, type DType, type MoeDispatchOptions, moeDispatch, moeReduce } from '@moe-dispatch/core';
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

/** Checks moeDispatch, byte for byte, and moeReduce against the CPU backend. */
export async function checkDispatch(
  backend: WebGpuBackend,
  sizes: Sizes,
  options: Partial<MoeDispatchOptions> = {},
): Promise<void> {
  const { x, gating, xShape, gatingShape, dtype } = inputs(sizes);
  const reference = await cpu().create();
  const xTensor = backend.tensor(x, xShape, dtype as 'float32');
  const gatingTensor = backend.tensor(gating, gatingShape, 'float32');
  const found = moeDispatch(xTensor, gatingTensor, { moeTopk: sizes.topK, ...options });
  const expected = moeDispatch(
    reference.tensor(x, xShape, dtype as 'float32'),
    reference.tensor(gating, gatingShape, 'float32'),
    {
      moeTopk: sizes.topK,
    },
  );
  for (const name of NAMES) expect(await found[name].read(), name).toEqual(await expected[name].read());
  if (dtype === 'float32') {
    const reduced = moeReduce(
      found.permuteInput,
      found.expertScalesFloat,
      found.permuteIndicesPerToken,
      found.topKIndices,
    );
    const sums = await reduced.read();
    const values = x as Float32Array;
    // The scales of a token sum to less than 1; all rows of a token are the same row.
    const scales = await found.expertScalesFloat.read();
    for (let i = 0; i < sums.length; i += 97) {
      const token = Math.floor(i / sizes.hidden);
      const weight = scales.slice(token * sizes.topK, (token + 1) * sizes.topK).reduce((a, b) => a + b, 0);
      expect(Math.abs((sums as Float32Array)[i] - values[i] * weight)).toBeLessThanOrEqual(
        Math.abs(values[i]) * 1e-5,
      );
    }
    reduced.dispose();
  }
  for (const tensor of [xTensor, gatingTensor, found]) tensor.dispose();
  reference.dispose();
}
