import { bfloat16ToFloat32, type DType, float16ToFloat32 } from '@moe-dispatch/core';
import type { CpuTensor } from './tensor.js';

const tables = new Map<DType, Float32Array>();

/** The values of all words of a 16-bit type, made on first use; nothing for float32. */
export function tableOf(dtype: DType): Float32Array {
  let table = tables.get(dtype);
  if (table === undefined) {
    const words = Uint16Array.from({ length: dtype === 'float32' ? 0 : 65536 }, (_, word) => word);
    table = dtype === 'float16' ? float16ToFloat32(words) : bfloat16ToFloat32(words);
    tables.set(dtype, table);
  }
  return table;
}

/** Puts elements of a float tensor, from `first` on, into `target`. */
export function loadFloats(
  { dtype, padded }: CpuTensor,
  first: number,
  count: number,
  target: Float32Array,
  at: number,
): void {
  const elements = padded as Float32Array;
  if (dtype === 'float32') {
    for (let i = 0; i < count; i++) target[at + i] = elements[first + i];
    return;
  }
  const table = tableOf(dtype);
  for (let i = 0; i < count; i++) target[at + i] = table[elements[first + i]];
}
