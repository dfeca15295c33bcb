import type { Call } from '@moe-dispatch/core/backend';
import { copyBytesOf, type Kernels, SCATTER } from './kernels.js';
import type { CpuTensor } from './tensor.js';

type PermuteCall = Call<'permuteRows', CpuTensor>;

/** Whether a kernel can move these rows. */
export function simdMoves({ x, permuteInput, applyRouterWeightOnInput }: PermuteCall): boolean {
  return x.block.address > 0 && permuteInput.block.address > 0 && !applyRouterWeightOnInput;
}

/** ./move-rows.ts in WebAssembly. */
export function simdMoveRows(kernels: Kernels, call: PermuteCall): void {
  const { x, permuteInput, permuteIndicesPerToken, tokens, topK, hidden } = call;
  kernels.reserve(0, copyBytesOf(permuteIndicesPerToken));
  const { fields } = kernels;
  fields[6] = x.block.address;
  fields[7] = permuteInput.block.address;
  fields[8] = kernels.place(permuteIndicesPerToken);
  fields[9] = hidden * x.padded.BYTES_PER_ELEMENT;
  fields[10] = topK;
  kernels.run(SCATTER, tokens);
}
