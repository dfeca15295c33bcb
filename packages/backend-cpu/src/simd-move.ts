import type { Call } from '@moe-dispatch/core/backend';
import { copyBytesOf, GATHER, type Kernels, SCATTER } from './kernels.js';
import { gathers, isWhole } from './move-rows.js';
import type { CpuTensor } from './tensor.js';

type PermuteCall = Call<'permuteRows', CpuTensor>;

/** Whether a kernel can move these rows. */
export function simdMoves({ x, permuteInput, applyRouterWeightOnInput }: PermuteCall): boolean {
  return x.block.address > 0 && permuteInput.block.address > 0 && !applyRouterWeightOnInput;
}

/** ./move-rows.ts in WebAssembly. */
export function simdMoveRows(kernels: Kernels, call: PermuteCall): void {
  const { x, permuteInput, permuteIndicesPerToken, tokens, topK, hidden } = call;
  const rowBytes = hidden * x.padded.BYTES_PER_ELEMENT;
  const count = topK * tokens;
  const rows = permuteIndicesPerToken.padded as Int32Array;
  const inOrder = gathers(call, rowBytes) && isWhole(rows, count);
  kernels.reserve(0, inOrder ? 4 * count : copyBytesOf(permuteIndicesPerToken));
  const { fields } = kernels;
  fields[6] = x.block.address;
  fields[7] = permuteInput.block.address;
  fields[8] = inOrder ? kernels.invert(rows, count, tokens) : kernels.place(permuteIndicesPerToken);
  fields[9] = rowBytes;
  fields[10] = topK;
  kernels.run(inOrder ? GATHER : SCATTER, inOrder ? count : tokens, count * rowBytes);
}
