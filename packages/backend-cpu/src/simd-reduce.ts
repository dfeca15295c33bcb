import type { Call } from '@moe-dispatch/core/backend';
import { copyBytesOf, floatCode, type Kernels, REDUCE } from './kernels.js';
import { checkReduceIndices } from './reduce.js';
import type { CpuTensor } from './tensor.js';

const PIECE = 1088;
const TERM = 16;

type ReduceCall = Call<'moeReduce', CpuTensor>;

/** Whether a kernel can sum these rows. */
export function simdReduces({ ffnOut, x, output }: ReduceCall): boolean {
  return ffnOut.block.address > 0 && output.block.address > 0 && (x === null || x.block.address > 0);
}

/** ./reduce.ts in WebAssembly. */
export function simdReduceTokens(kernels: Kernels, call: ReduceCall): void {
  checkReduceIndices(call);
  const { tokens, topK, hidden, ffn2Bias, x, output, ffnOut } = call;
  const { permuteIndicesPerToken, topKIndices, expertScalesFloat } = call;
  kernels.reserve(
    reduceWorkspaceBytes(topK),
    copyBytesOf(permuteIndicesPerToken) +
      copyBytesOf(topKIndices) +
      copyBytesOf(expertScalesFloat) +
      copyBytesOf(ffn2Bias),
  );
  const { fields, floatFields } = kernels;
  fields[6] = ffnOut.block.address;
  fields[7] = output.block.address;
  fields[8] = kernels.place(permuteIndicesPerToken);
  fields[9] = kernels.place(topKIndices);
  fields[10] = kernels.place(expertScalesFloat);
  fields[11] = kernels.place(ffn2Bias);
  fields[12] = kernels.place(x);
  fields[13] = topK;
  fields[14] = hidden;
  fields[15] = floatCode(output.dtype);
  fields[16] = Number(call.normTopkProb);
  fields[17] = Number(call.applyRouterWeightOnInput);
  floatFields[18] = call.routedScalingFactor;
  kernels.run(REDUCE, tokens, topK * tokens * hidden * 4);
}

/** For a thread (wasm/reduce.ts). */
function reduceWorkspaceBytes(topK: number): number {
  return 64 * Math.ceil((PIECE + topK * (TERM + PIECE)) / 64);
}
