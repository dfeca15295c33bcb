import { DTYPES, ResourceError } from '@moe-dispatch/core';
import type { Call } from '@moe-dispatch/core/backend';
import { maxTensorBytes } from '../device-limits.js';
import type { RowUnit } from '../kernels/copy-rows.wgsl.js';
import { gatherBytes } from '../kernels/gather-bytes.wgsl.js';
import { invertMap } from '../kernels/invert-map.wgsl.js';
import { moveRows } from '../kernels/move-rows.wgsl.js';
import type { DeviceTraits, Schedule } from '../schedule.js';
import { fitsBinding, segments, type View } from '../segments.js';
import { weighRows } from './weigh-rows.js';

/** Units that a thread should have to write, so that there is more copying than starting of workgroups. */
const WRITES_PER_THREAD = 16;
/** Choices that a workgroup handles at once, no more than it has threads, should leave each several lanes. */
const MAX_WORKGROUP_PAIRS = 64;

type MoveCall = Call<'permuteRows', View>;

/** How rows are copied as whole units. */
export interface CopyLayout {
  readonly unit: RowUnit;
  readonly rowUnits: number;
  /** Tokens of a workgroup. */
  readonly workgroupTokens: number;
  /** Whether x and permuteInput each fit one binding. */
  readonly whole: boolean;
}

/** The layout, or undefined if rows are not whole words, or empty. */
export function copyLayout(device: DeviceTraits, call: MoveCall): CopyLayout | undefined {
  const { tokens, topK, x, permuteInput, hidden, dtype } = call;
  const rowBytes = hidden * DTYPES[dtype].bytes;
  if (rowBytes === 0 || rowBytes % 4 !== 0) return undefined;
  const vectors = rowBytes % 16 === 0 && x.byteOffset % 16 === 0 && permuteInput.byteOffset % 16 === 0;
  const rowUnits = rowBytes / (vectors ? 16 : 4);
  const wanted = Math.floor((device.workgroupSize * WRITES_PER_THREAD) / (rowUnits * topK));
  const most = Math.floor(Math.min(MAX_WORKGROUP_PAIRS, device.workgroupSize) / topK);
  return {
    unit: vectors ? 'vectors' : 'words',
    rowUnits,
    workgroupTokens: Math.max(1, Math.min(wanted, most, tokens)),
    whole: fitsBinding(x, device.limits) && fitsBinding(permuteInput, device.limits),
  };
}

/** Moves the rows of x along the inverse map, and multiplies them by their weights if there are any. */
export function permuteRows(schedule: Schedule, call: MoveCall): void {
  if (call.x.byteLength === 0) return;
  const layout = copyLayout(schedule.device, call);
  if (layout === undefined) gatherOdd(schedule, call);
  else moveWhole(schedule, call, layout);
  weighRows(schedule, call);
}

function moveWhole(schedule: Schedule, call: MoveCall, layout: CopyLayout): void {
  const { limits } = schedule.device;
  const { tokens, topK } = call;
  const { unit, rowUnits, workgroupTokens } = layout;
  const unitWords = unit === 'vectors' ? 4 : 1;
  const kernel = moveRows(unit);
  for (const x of segments(call.x, limits)) {
    const token_start = Math.floor(x.first / (rowUnits * unitWords));
    const end = Math.ceil((x.first + x.count) / (rowUnits * unitWords));
    for (const permute_input of segments(call.permuteInput, limits)) {
      for (const map of segments(call.permuteIndicesPerToken, limits)) {
        schedule.launch(
          kernel,
          { permute_indices_per_token: map, x, permute_input },
          {
            ...{ top_k: topK, total_rows: topK * tokens, token_start, tokens, row_units: rowUnits },
            workgroup_tokens: workgroupTokens,
          },
          (end - token_start) / workgroupTokens,
        );
      }
    }
  }
}

function gatherOdd(schedule: Schedule, call: MoveCall): void {
  const { limits, workgroupSize } = schedule.device;
  const { tokens, topK, hidden, dtype } = call;
  const rowTokens = invert(schedule, call);
  const total_bytes = call.permuteInput.byteLength;
  const row_bytes = hidden * DTYPES[dtype].bytes;
  for (const permute_input of segments(call.permuteInput, limits)) {
    const { first, count } = permute_input;
    // Only the rows that these words touch.
    const firstRow = Math.floor((first * 4) / row_bytes);
    const endRow = Math.min(Math.ceil(((first + count) * 4) / row_bytes), tokens * topK);
    for (const row_tokens of segments(rowTokens, limits, firstRow, endRow)) {
      for (const x of segments(call.x, limits)) {
        schedule.launch(
          gatherBytes,
          { row_tokens, x, permute_input },
          { row_bytes, total_bytes, tokens },
          count / workgroupSize,
        );
      }
    }
  }
}

/** The token of each row, in a workspace. */
function invert(schedule: Schedule, call: MoveCall): View {
  const { limits, workgroupSize } = schedule.device;
  const { tokens, topK } = call;
  const byteLength = topK * tokens * 4;
  const most = maxTensorBytes(limits);
  if (byteLength > most) {
    throw new ResourceError('LIMIT_EXCEEDED', {
      argument: 'x',
      found: `a workspace of ${byteLength} bytes for rows that are not a multiple of 4 bytes`,
      expected: `at most maxTensorBytes = ${most}`,
    });
  }
  const rowTokens = schedule.workspace(byteLength);
  for (const map of segments(call.permuteIndicesPerToken, limits)) {
    for (const rows of segments(rowTokens, limits)) {
      schedule.launch(
        invertMap,
        { permute_indices_per_token: map, row_tokens: rows },
        { tokens },
        map.count / workgroupSize,
      );
    }
  }
  return rowTokens;
}
