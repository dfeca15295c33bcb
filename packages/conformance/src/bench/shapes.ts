import { DTYPES, type DType } from '@moe-dispatch/core';
import type { Shape } from './bench-report.js';

const shape = (tokens: number, hidden: number, numExperts: number, topK: number): Shape => ({
  tokens,
  hidden,
  numExperts,
  topK,
});

/** From decoding one token to prefilling a long prompt; the shapes of docs/benchmarks.md. */
export const STANDARD_SHAPES: readonly Shape[] = [
  shape(1, 4096, 8, 2),
  shape(64, 7168, 256, 8),
  shape(1280, 768, 48, 6),
  shape(8192, 64, 64, 6),
  shape(4096, 4096, 8, 2),
  shape(4096, 2048, 128, 8),
  shape(16384, 1024, 64, 6),
  shape(8192, 2048, 128, 8),
  shape(4096, 7168, 256, 8),
  shape(16384, 7168, 256, 8),
  shape(65536, 2048, 64, 6),
];

/** Bytes that moeDispatch must read and write at the least: x once, its K copies, the gating, three results of [T, K]. */
export function dispatchBytes({ tokens, hidden, numExperts, topK }: Shape, dtype: DType): number {
  return tokens * (hidden * DTYPES[dtype].bytes * (1 + topK) + numExperts * 4 + topK * 12);
}

/** Bytes that moeReduce must read and write at the least. */
export function reduceBytes({ tokens, hidden, topK }: Shape, dtype: DType): number {
  return tokens * (hidden * DTYPES[dtype].bytes * (1 + topK) + topK * 12);
}

/** Rows of the copy that is measured beside a shape: read and written, they are the bytes of a dispatch. */
export function copyRows(size: Shape, dtype: DType): number {
  return Math.max(1, Math.round(dispatchBytes(size, dtype) / 2 / (size.hidden * DTYPES[dtype].bytes)));
}

/** Bytes of all tensors that measuring a shape holds at a time, those of the copy included. */
export function workingBytes(size: Shape, dtype: DType): number {
  const output = size.tokens * size.hidden * DTYPES[dtype].bytes;
  return dispatchBytes(size, dtype) + output + 2 * copyRows(size, dtype) * size.hidden * DTYPES[dtype].bytes;
}
