import { DTYPES, type FloatDType } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import type { RowLayout } from '../kernels/row-units.wgsl.js';
import { rowWeights } from '../kernels/row-weights.wgsl.js';
import { weighRows as weighRowsKernel } from '../kernels/weigh-rows.wgsl.js';
import type { Schedule } from '../schedule.js';
import { rowsOf, segments, type View } from '../segments.js';

type WeighCall = Pick<
  Call<'permuteRows', View>,
  | 'tokens'
  | 'topK'
  | 'hidden'
  | 'dtype'
  | 'permuteInput'
  | 'permuteIndicesPerToken'
  | 'expertScalesFloat'
  | 'applyRouterWeightOnInput'
>;

/** Multiplies the permuted rows by the weights of their choices, where that is asked for. */
export function weighRows(schedule: Schedule, call: WeighCall): void {
  const { applyRouterWeightOnInput, permuteInput, expertScalesFloat } = call;
  if (!applyRouterWeightOnInput || permuteInput.byteLength === 0) return;
  const { limits, workgroupSize, arithmetic } = schedule.device;
  const { tokens, topK, hidden } = call;
  const dtype = call.dtype as FloatDType;
  const weights = weightsByRow(schedule, call, expertScalesFloat!);
  const layout = rowLayout(call);
  const unitWords = layout === 'vectors' ? 4 : 1;
  const row_elements = layout === 'split' ? hidden : (hidden * DTYPES[dtype].bytes) / (4 * unitWords);
  const wordsPerRow = (hidden * DTYPES[dtype].bytes) / 4;
  for (const output of segments(permuteInput, limits)) {
    const firstRow = Math.floor(output.first / wordsPerRow);
    const endRow = Math.min(Math.ceil((output.first + output.count) / wordsPerRow), topK * tokens);
    schedule.launch(
      weighRowsKernel({ arithmetic, dtype, layout }),
      { output, row_weights: rowsOf(weights, 1, firstRow, endRow) },
      { row_elements, total_elements: topK * tokens * row_elements, minus_zero: 0x80000000 },
      output.count / unitWords / workgroupSize,
    );
  }
}

/** The weight of each row that a choice has, in a workspace. */
function weightsByRow(schedule: Schedule, call: WeighCall, scales: View): View {
  const { limits, workgroupSize } = schedule.device;
  const { tokens, topK } = call;
  const weights = schedule.workspace(topK * tokens * 4);
  for (const expert_scales_float of segments(scales, limits)) {
    for (const map of segments(call.permuteIndicesPerToken, limits)) {
      for (const row_weights of segments(weights, limits)) {
        schedule.launch(
          rowWeights,
          { permute_indices_per_token: map, expert_scales_float, row_weights },
          { tokens, top_k: topK },
          map.count / workgroupSize,
        );
      }
    }
  }
  return weights;
}

function rowLayout({ hidden, dtype, permuteInput }: WeighCall): RowLayout {
  const rowBytes = hidden * DTYPES[dtype].bytes;
  if (rowBytes % 4 !== 0) return 'split';
  return rowBytes % 16 === 0 && permuteInput.byteOffset % 16 === 0 ? 'vectors' : 'words';
}
