import type { Call } from '@moe-dispatch/core/backend';
import { outOfRange } from './check-indices.js';
import type { CpuTensor } from './tensor.js';

type PlanCall = Call<'planDispatch', CpuTensor>;

/**
 * Counting sort of the (token, choice) pairs by expert, stable by token, then choice. Choices of no expert, and of those
 * from `nextRow.length` on, have no row.
 * @param nextRow workspace: a number for each expert that has rows
 */
export function planDispatch(call: PlanCall, nextRow: Int32Array): void {
  const { tokens, topK, numExperts } = call;
  const experts = call.topKIndices.padded as Int32Array;
  const withRows = nextRow.length;
  nextRow.fill(0);
  for (let i = 0; i < tokens * topK; i++) {
    const expert = experts[i];
    // As unsigned numbers, negative ones are large.
    if (expert >>> 0 < withRows) nextRow[expert]++;
    else if (expert < -1 || expert >= numExperts) throw outOfRange('topKIndices', expert, i, numExperts, -1);
  }
  scanCounts(call, nextRow);
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) {
      const expert = experts[token * topK + k];
      rows[k * tokens + token] = expert >>> 0 < withRows ? nextRow[expert]++ : -1;
    }
  }
}

/** Writes counts and offsets; leaves each expert's first row in `nextRow`. */
function scanCounts(call: PlanCall, nextRow: Int32Array): void {
  // Counts fit in the lower half of an int64; whole BigInts would be garbage.
  const halves = call.tokenNumsPerExpert.block.view('int32') as Int32Array;
  const offsets = call.expertOffsets.padded as Int32Array;
  let row = 0;
  for (let expert = 0; expert < nextRow.length; expert++) {
    const count = nextRow[expert];
    halves[2 * expert] = count;
    halves[2 * expert + 1] = 0;
    offsets[expert] = row;
    nextRow[expert] = row;
    row += count;
  }
  offsets[nextRow.length] = row;
}
