import { type ArrayOf, type Backend, DTYPES, type DType, type Tensor } from '@moe-dispatch/core';

/** How the suite makes memory of the kind that `backend.wrap` borrows: a typed array, a GPU buffer, a pointer. */
export interface NativeMemory {
  /** Memory that holds exactly these elements, or a promise of it. */
  make(data: ArrayOf<DType>, dtype: DType): unknown;
  /** The elements that it holds after all work issued so far. */
  read(native: unknown, dtype: DType, elements: number): ArrayOf<DType> | Promise<ArrayOf<DType>>;
}

/** Typed arrays: what a backend on the CPU wraps. */
export const typedArrayMemory: NativeMemory = {
  make: (data, dtype) => {
    // Not from the start of its buffer, so that it is aligned for no larger type.
    const memory = new DTYPES[dtype].ArrayType(data.length + 1).subarray(1) as Int32Array;
    memory.set(data as Int32Array);
    return memory;
  },
  read: (native) => (native as ArrayOf<DType>).slice(),
};

/** typedArrayMemory if the backend wraps typed arrays, undefined if it does not. */
export function detectNativeMemory(backend: Backend): NativeMemory | undefined {
  if (!backend.info.wrap) return undefined;
  const memory = new DTYPES.float32.ArrayType(1);
  try {
    (backend as unknown as Backend<Tensor, unknown>).wrap(memory, [1], 'float32').dispose();
    return typedArrayMemory;
  } catch {
    return undefined;
  }
}
