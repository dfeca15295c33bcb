import type { Call } from '@moe-dispatch/core/backend';
import type { CpuTensor } from './tensor.js';
import { weighRows } from './weigh-rows.js';
import type { Workspace } from './workspace.js';

type PermuteCall = Call<'permuteRows', CpuTensor>;

/** Up to this many bytes, a loop over words is quicker than a call that copies the row. */
const SHORT_ROW = 1024;
/** If x stays in the cache and the result does not, writing the result in order is quicker: measured limits. */
const CACHED_SOURCE = 8 * 2 ** 20;
const CACHED_RESULT = 12 * 2 ** 20;

/** Copies each token's row to its K places, or fewer; no two of them are the same. */
export function moveRows(call: PermuteCall, workspace: Workspace): void {
  const { x, tokens, topK, hidden } = call;
  const rows = call.permuteIndicesPerToken.padded as Int32Array;
  const rowBytes = hidden * x.padded.BYTES_PER_ELEMENT;
  if (rowBytes === 0) return;
  if (call.applyRouterWeightOnInput) weighRows(call);
  else if (!isWhole(rows, topK * tokens)) scatterRows(call, rows);
  else if (!writesInOrder(rowBytes)) copyShortRows(call, rows, rowBytes);
  else if (gathers(call, rowBytes)) gatherRows(call, rows, workspace.forRows(topK * tokens));
  else scatterRows(call, rows);
}

/** Whether each choice has a row. */
export function isWhole(rows: Int32Array, count: number): boolean {
  // Rows are not negative, −1 is.
  let signs = 0;
  for (let i = 0; i < count; i++) signs |= rows[i];
  return signs >= 0;
}

/** Whether calls with rows of this many bytes may gather, and so need `workspace.forRows`. */
export function writesInOrder(rowBytes: number): boolean {
  return rowBytes > SHORT_ROW;
}

export function gathers({ tokens, topK }: PermuteCall, rowBytes: number): boolean {
  const bytes = tokens * rowBytes;
  return bytes <= CACHED_SOURCE && bytes * topK > CACHED_RESULT;
}

/**
 * Reads each row once and writes it to its places, while it is in the cache. With `set`, not a loop, in which a float's
 * signalling NaN may become quiet.
 */
function scatterRows(call: PermuteCall, rows: Int32Array): void {
  const { x, tokens, topK, hidden } = call;
  const target = call.permuteInput.padded as Int32Array;
  const views = rowViews(x, tokens, hidden);
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) {
      const row = rows[k * tokens + token];
      if (row >= 0) target.set(views[token], row * hidden);
    }
  }
}

/** Writes the result from its first row to its last. */
function gatherRows(call: PermuteCall, rows: Int32Array, tokenOfRow: Int32Array): void {
  const { x, tokens, topK, hidden } = call;
  const target = call.permuteInput.padded as Int32Array;
  const views = rowViews(x, tokens, hidden);
  const count = topK * tokens;
  for (let i = 0; i < count; i++) tokenOfRow[rows[i]] = i % tokens;
  for (let row = 0; row < count; row++) target.set(views[tokenOfRow[row]], row * hidden);
}

function rowViews(x: CpuTensor, tokens: number, hidden: number): Int32Array[] {
  const views = x.block.rows(x.dtype, hidden) as Int32Array[];
  for (let token = views.length; token < tokens; token++) {
    views.push((x.padded as Int32Array).subarray(token * hidden, (token + 1) * hidden));
  }
  return views;
}

/** Copies word by word, four places at a time: one read serves four writes. */
function copyShortRows(call: PermuteCall, rows: Int32Array, rowBytes: number): void {
  const { x, permuteInput, tokens, topK } = call;
  const wordType = (rowBytes | x.byteOffset | permuteInput.byteOffset) % 4 === 0 ? 'int32' : x.dtype;
  const source = x.block.view(wordType) as Int32Array;
  const target = permuteInput.block.view(wordType) as Int32Array;
  const words = rowBytes / source.BYTES_PER_ELEMENT;
  for (let token = 0; token < tokens; token++) {
    const from = token * words;
    let k = 0;
    for (; k + 4 <= topK; k += 4) {
      const a = rows[k * tokens + token] * words;
      const b = rows[(k + 1) * tokens + token] * words;
      const c = rows[(k + 2) * tokens + token] * words;
      const d = rows[(k + 3) * tokens + token] * words;
      for (let i = 0; i < words; i++) {
        const word = source[from + i];
        target[a + i] = word;
        target[b + i] = word;
        target[c + i] = word;
        target[d + i] = word;
      }
    }
    for (; k < topK; k++) {
      const a = rows[k * tokens + token] * words;
      for (let i = 0; i < words; i++) target[a + i] = source[from + i];
    }
  }
}
