import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';

/* For the suite @moe-dispatch/conformance, which finds it as this package's export `./conformance`. */

/** The memory that `wrap` borrows: typed arrays, not from the start of their buffer, so aligned for no larger type. */
export function nativeMemory() {
  return {
    make: (data: ArrayOf<DType>, dtype: DType): ArrayOf<DType> => {
      const memory = new DTYPES[dtype].ArrayType(data.length + 1).subarray(1) as Int32Array<ArrayBuffer>;
      memory.set(data as Int32Array);
      return memory;
    },
    read: (native: unknown): ArrayOf<DType> => (native as ArrayOf<DType>).slice(),
  };
}
