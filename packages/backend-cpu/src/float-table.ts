import { bfloat16ToFloat32, type DType, float16ToFloat32 } from '@moe-dispatch/core';

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
