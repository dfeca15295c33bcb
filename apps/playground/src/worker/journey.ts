import { bfloat16ToFloat32, type DType, float16ToFloat32 } from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { JourneyView } from '../protocol.js';
import type { HostOutputs } from './run-dispatch.js';

/** Values of a row that the page shows. */
const SHOWN_VALUES = 4;

/** The dtypes that moeReduce sums. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
}

/** Looks at every token's rows: as sent, in permuteInput, as given back. */
export function followTokens(x: HostTensor, outputs: HostOutputs): JourneyView {
  const [tokens] = outputs.topKIndices.shape;
  const hidden = x.shape[1];
  const width = Math.min(SHOWN_VALUES, hidden);
  const sent = toFloat32(x);
  const returned = outputs.returned && toFloat32(outputs.returned);
  return {
    width,
    sent: firstColumns(sent, tokens, hidden, width),
    returned: returned && firstColumns(returned, tokens, hidden, width),
    offBy: returned ? largestDifferences(sent, returned, tokens, hidden) : new Float32Array(tokens),
    exactRows: countExactRows(x, outputs, tokens),
  };
}

export function toFloat32({ data, dtype }: HostTensor): Float32Array {
  if (dtype === 'float16') return float16ToFloat32(data as Uint16Array);
  if (dtype === 'bfloat16') return bfloat16ToFloat32(data as Uint16Array);
  return dtype === 'float32' ? (data as Float32Array) : Float32Array.from(data as Int8Array, Number);
}

function firstColumns(values: Float32Array, rows: number, columns: number, width: number): Float32Array {
  const first = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    first.set(values.subarray(row * columns, row * columns + width), row * width);
  }
  return first;
}

/** [rows]: NaN where a value is NaN on one side only. */
function largestDifferences(a: Float32Array, b: Float32Array, rows: number, columns: number): Float32Array {
  const largest = new Float32Array(rows);
  for (let i = 0; i < rows * columns; i++) {
    if (Object.is(a[i], b[i])) continue;
    const row = Math.floor(i / columns);
    largest[row] = Math.max(largest[row], Math.abs(a[i] - b[i]));
  }
  return largest;
}

function countExactRows(x: HostTensor, outputs: HostOutputs, tokens: number): Int32Array {
  const { data: rows, shape } = outputs.permuteIndicesPerToken;
  const rowBytes = x.shape[1] * x.data.BYTES_PER_ELEMENT;
  const sent = bytesOf(x.data);
  const permuted = bytesOf(outputs.permuteInput.data);
  const exact = new Int32Array(tokens);
  for (let i = 0; i < shape[0] * tokens; i++) {
    if (rows[i] < 0) continue;
    const token = i % tokens;
    if (sameBytes(sent, token * rowBytes, permuted, rows[i] * rowBytes, rowBytes)) exact[token]++;
  }
  return exact;
}

function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
