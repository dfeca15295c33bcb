import type { Call } from '@moe-dispatch/core/backend';
import { copyBytesOf, GATHER, type Kernels, SCATTER } from './kernels.js';
import type { CpuTensor } from './tensor.js';

type PermuteCall = Call<'permuteRows', CpuTensor>;

/** If x stays in the cache and the result does not, writing the result in order is quicker: measured limits. */
const CACHED_SOURCE = 8 * 2 ** 20;
const CACHED_RESULT = 12 * 2 ** 20;

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
  const bytes = tokens * rowBytes;
  const inOrder = bytes <= CACHED_SOURCE && bytes * topK > CACHED_RESULT && isWhole(rows, count);
  kernels.reserve(0, inOrder ? 4 * count : copyBytesOf(permuteIndicesPerToken));
  const { fields } = kernels;
  fields[6] = x.block.address;
  fields[7] = permuteInput.block.address;
  fields[8] = inOrder ? kernels.invert(rows, count, tokens) : kernels.place(permuteIndicesPerToken);
  fields[9] = rowBytes;
  fields[10] = topK;
  kernels.run(inOrder ? GATHER : SCATTER, inOrder ? count : tokens, count * rowBytes);
}

/** Whether each choice has a row. */
function isWhole(rows: Int32Array, count: number): boolean {
  // Rows are not negative, −1 is.
  let signs = 0;
  for (let i = 0; i < count; i++) signs |= rows[i];
  return signs >= 0;
}
