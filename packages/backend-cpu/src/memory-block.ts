import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';

/** A stretch of memory, with the views on it that kernels use, each made once. */
export class MemoryBlock {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly capacity: number;
  /** Where it is in the kernels' memory; 0 if it is not. */
  readonly address: number;
  readonly #views: { [D in DType]?: ArrayOf<DType> } = {};
  #rowViews: ArrayOf<DType>[] = [];
  #rowDType: DType | undefined;
  #rowLength = 0;

  constructor(buffer: ArrayBufferLike, byteOffset: number, capacity: number, address = 0) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.capacity = capacity;
    this.address = address;
  }

  /** All of it, as far as it holds whole elements, as a dtype's array. */
  view(dtype: DType): ArrayOf<DType> {
    const { ArrayType, bytes } = DTYPES[dtype];
    this.#views[dtype] ??= new ArrayType(this.buffer, this.byteOffset, Math.floor(this.capacity / bytes));
    return this.#views[dtype];
  }

  /**
   * Room for a view of each row of `length` elements, to be filled as rows are needed. Making a view costs about
   * as much as copying a row, and leaves garbage.
   */
  rows(dtype: DType, length: number): ArrayOf<DType>[] {
    if (this.#rowDType !== dtype || this.#rowLength !== length) {
      this.#rowDType = dtype;
      this.#rowLength = length;
      this.#rowViews = [];
    }
    return this.#rowViews;
  }
}
