import {
  bfloat16ToFloat32,
  type DispatchResult,
  type DType,
  float16ToFloat32,
  moeReduce,
  type Tensor,
} from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { HostResults } from './results.js';

/** Beyond this many choices the table is cut. */
const MAX_CHOICES = 16;

/** Where a token's copies went, as a table. */
export function describeToken(token: number, x: HostTensor, results: HostResults): string {
  const { permuteIndicesPerToken, expertScalesFloat, topKIndices } = results;
  const [topK, tokens] = permuteIndicesPerToken.shape;
  const rows = Array.from({ length: topK }, (_, k) => permuteIndicesPerToken.data[k * tokens + token]);
  const lines = [`Token ${token} went to`, '  choice  expert       scale  row of permuteInput'];
  for (const [k, row] of rows.slice(0, MAX_CHOICES).entries()) {
    const expert = topKIndices.data[token * topK + k];
    const scale = expertScalesFloat.data[token * topK + k];
    const cells = [
      String(k).padStart(8),
      String(expert).padStart(8),
      formatScale(scale).padStart(12),
      String(row).padStart(21),
    ];
    lines.push(cells.join(''));
  }
  if (topK > MAX_CHOICES) lines.push(`  and ${topK - MAX_CHOICES} more`);
  const exact = rows.filter((row) => sameRow(x, token, results.permuteInput, row)).length;
  lines.push(`  ${exact} of these ${topK} rows hold the token's own bytes`);
  return lines.join('\n');
}

/**
 * Sends the permuted rows back through moeReduce, with experts that change nothing and normTopkProb: each token is the
 * weighted mean of its own copies, so it should come back.
 */
export async function describeReturn(
  token: number,
  x: HostTensor,
  out: DispatchResult<Tensor>,
): Promise<string> {
  if (!isFloat(x.dtype)) return `  moeReduce does not sum ${x.dtype}: the token stays there`;
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  const options = { normTopkProb: true };
  const returned = moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, options);
  const back = toFloat32({ data: await returned.read(), shape: returned.shape, dtype: returned.dtype });
  returned.dispose();
  const sent = toFloat32(x);
  const hidden = returned.shape[1];
  const one = largestDifference(sent, back, token * hidden, (token + 1) * hidden);
  const all = largestDifference(sent, back, 0, sent.length);
  return `  it came back through moeReduce, off by at most ${format(one)} (any token: ${format(all)})`;
}

function sameRow(x: HostTensor, token: number, permuted: HostTensor, row: number): boolean {
  return Buffer.compare(rowBytes(x, token), rowBytes(permuted, row)) === 0;
}

function rowBytes({ data, shape }: HostTensor, row: number): Uint8Array {
  const length = shape.at(-1)! * data.BYTES_PER_ELEMENT;
  return new Uint8Array(data.buffer, data.byteOffset + row * length, length);
}

function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
}

function toFloat32({ data, dtype }: HostTensor): Float32Array {
  if (dtype === 'float16') return float16ToFloat32(data as Uint16Array);
  if (dtype === 'bfloat16') return bfloat16ToFloat32(data as Uint16Array);
  return data as Float32Array;
}

/** NaN where a value is NaN on one side only. */
function largestDifference(a: Float32Array, b: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    if (!Object.is(a[i], b[i])) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  }
  return largest;
}

function formatScale(scale: number): string {
  return scale !== 0 && Math.abs(scale) < 1e-3 ? scale.toExponential(3) : scale.toFixed(6);
}

function format(difference: number): string {
  return difference === 0 ? '0' : difference.toExponential(1);
}
