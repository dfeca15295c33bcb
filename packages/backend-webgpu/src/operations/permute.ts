import { DTYPES, type PermuteCall, ResourceError } from '@moe-dispatch/core';
import { gatherBytes } from '../kernels/gather-bytes.wgsl.js';
import { invertMap } from '../kernels/invert-map.wgsl.js';
import { permuteRows } from '../kernels/permute-rows.wgsl.js';
import { fitsBinding, segments, type View } from '../segments.js';
import type { Device, Steps } from '../steps.js';
import type { WebGpuTensor } from '../webgpu-tensor.js';

/** Units that a thread should have to write, so that there is more copying than starting of workgroups. */
const WRITES_PER_THREAD = 16;
/** Choices that a workgroup handles at once, no more than it has threads, should leave each several lanes. */
const MAX_GROUP_PAIRS = 64;

/** How rows are copied as whole units. */
export interface CopyLayout {
  readonly unit: 'words' | 'vectors';
  /** Tokens of a workgroup. */
  readonly groupTokens: number;
  /** Whether x and permuted each fit one binding. */
  readonly whole: boolean;
  /** The uniforms of copy-rows.wgsl.ts for whole tensors, beside the numbers of tokens. */
  readonly params: Readonly<Record<string, number>>;
}

/** The layout, or undefined where rows are not whole words, or empty. */
export function copyLayout(device: Device, call: PermuteCall<WebGpuTensor>): CopyLayout | undefined {
  const { tokens, topK, x, permuteInput, hidden } = call;
  const rowBytes = hidden * DTYPES[x.dtype].bytes;
  if (rowBytes === 0 || rowBytes % 4 !== 0) return undefined;
  const vectors = rowBytes % 16 === 0 && x.byteOffset % 16 === 0 && permuteInput.byteOffset % 16 === 0;
  const row_units = rowBytes / (vectors ? 16 : 4);
  const wanted = Math.floor((device.workgroupSize * WRITES_PER_THREAD) / (row_units * topK));
  const most = Math.floor(Math.min(MAX_GROUP_PAIRS, device.workgroupSize) / topK);
  const groupTokens = Math.max(1, Math.min(wanted, most, tokens));
  return {
    unit: vectors ? 'vectors' : 'words',
    groupTokens,
    whole: fitsBinding(x, device.limits) && fitsBinding(permuteInput, device.limits),
    params: {
      row_units,
      ...{ x_first: 0, x_count: tokens * row_units },
      ...{ permuted_first: 0, permuted_count: tokens * topK * row_units },
    },
  };
}

/** Moves the rows of x along the inverse map. */
export function permute(steps: Steps, call: PermuteCall<WebGpuTensor>): void {
  if (call.x.byteLength === 0) return;
  const layout = copyLayout(steps.device, call);
  if (layout === undefined) gatherOdd(steps, call);
  else copyWhole(steps, call, layout);
}

function copyWhole(steps: Steps, call: PermuteCall<WebGpuTensor>, layout: CopyLayout): void {
  const { device } = steps;
  const { tokens, topK } = call;
  const { unit, groupTokens: group_tokens, params } = layout;
  const unitWords = unit === 'vectors' ? 4 : 1;
  const rowWords = params.row_units * unitWords;
  const kernel = permuteRows(unit);
  for (const x of segments(call.x, device.limits)) {
    const token_start = Math.floor(x.first / rowWords);
    const end = Math.ceil((x.first + x.count) / rowWords);
    for (const permuted of segments(call.permuteInput, device.limits)) {
      for (const indices of segments(call.permuteIndicesPerToken, device.limits)) {
        const values = {
          ...{ topk_width: topK, total_rows: topK * tokens, token_start, tokens, group_tokens },
          ...{ indices_first: indices.first, indices_count: indices.count, row_units: params.row_units },
          ...{ x_first: x.first / unitWords, x_count: x.count / unitWords },
          ...{ permuted_first: permuted.first / unitWords, permuted_count: permuted.count / unitWords },
        };
        steps.dispatch(
          kernel,
          { indices, x, permuted },
          values,
          Math.ceil((end - token_start) / group_tokens),
        );
      }
    }
  }
}

function gatherOdd(steps: Steps, call: PermuteCall<WebGpuTensor>): void {
  const { device } = steps;
  const { tokens, topK, hidden, x } = call;
  const rowTokens = invert(steps, call);
  const total_bytes = call.permuteInput.byteLength;
  const row_bytes = hidden * DTYPES[x.dtype].bytes;
  for (const permuted of segments(call.permuteInput, device.limits)) {
    // Only the rows that these words touch.
    const firstRow = Math.floor((permuted.first * 4) / row_bytes);
    const endRow = Math.min(Math.ceil(((permuted.first + permuted.count) * 4) / row_bytes), tokens * topK);
    for (const row_tokens of segments(rowTokens, device.limits, firstRow, endRow)) {
      for (const source of segments(x, device.limits)) {
        steps.dispatch(
          gatherBytes,
          { row_tokens, x: source, permuted },
          {
            ...{ row_bytes, total_bytes, tokens, row_first: row_tokens.first, row_count: row_tokens.count },
            ...{ x_first: source.first, x_count: source.count },
            ...{ permuted_first: permuted.first, permuted_count: permuted.count },
          },
          Math.ceil(permuted.count / device.workgroupSize),
        );
      }
    }
  }
}

/** The token of each row, in scratch memory. */
function invert(steps: Steps, call: PermuteCall<WebGpuTensor>): View {
  const { device } = steps;
  const { tokens, topK } = call;
  const byteLength = topK * tokens * 4;
  if (byteLength > device.limits.maxBufferSize) {
    throw new ResourceError('LIMIT_EXCEEDED', {
      argument: 'x',
      found: `a workspace of ${byteLength} bytes for rows that are not a multiple of 4 bytes`,
      expected: `at most maxBufferSize = ${device.limits.maxBufferSize}`,
    });
  }
  const rowTokens = steps.workspace(byteLength);
  for (const indices of segments(call.permuteIndicesPerToken, device.limits)) {
    for (const rows of segments(rowTokens, device.limits)) {
      steps.dispatch(
        invertMap,
        { indices, row_tokens: rows },
        {
          ...{ tokens, indices_first: indices.first, indices_count: indices.count },
          ...{ row_first: rows.first, row_count: rows.count },
        },
        Math.ceil(indices.count / device.workgroupSize),
      );
    }
  }
  return rowTokens;
}
