import { type ArrayOf, checkTensor, type DType, Tensor } from '@moe-dispatch/core';
import type { CpuBackend } from './backend.js';
import type { Block } from './block.js';

/** A tensor in JavaScript memory. */
export class CpuTensor extends Tensor {
  declare readonly tensorClass?: CpuTensor;
  /** The tensor's elements first, then perhaps spare room: a pooled block can be larger. For kernels. */
  readonly array: ArrayOf<DType>;
  readonly block: Block;
  private exact: ArrayOf<DType> | null = null;

  constructor(
    backend: CpuBackend,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    block: Block,
    borrowed: boolean,
  ) {
    super(backend, shape, dtype, byteLength, borrowed);
    this.block = block;
    this.array = block.view(dtype);
  }

  /**
   * The elements themselves, not a copy: valid until `dispose()`, after which the memory serves other tensors.
   * @throws DisposedError TENSOR_DISPOSED
   */
  get data(): ArrayOf<this['dtype']> {
    checkTensor('tensor', this);
    return this.elements() as ArrayOf<this['dtype']>;
  }

  override get memory(): ArrayBufferLike {
    return this.block.buffer;
  }

  override get byteOffset(): number {
    return this.block.byteOffset;
  }

  override get capacity(): number {
    return this.array.byteLength;
  }

  protected override async download(): Promise<ArrayBuffer> {
    return this.elements().slice().buffer as ArrayBuffer;
  }

  protected override release(): void {
    if (!this.borrowed) (this.backend as CpuBackend).recycle(this.block);
  }

  private elements(): ArrayOf<DType> {
    if (this.exact === null) {
      const length = this.byteLength / this.array.BYTES_PER_ELEMENT;
      this.exact = this.array.length === length ? this.array : this.array.subarray(0, length);
    }
    return this.exact;
  }
}
