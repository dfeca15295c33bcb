import { type ArrayOf, type DType, Tensor } from '@moe-dispatch/core';
import { checkTensor, type TensorSpec } from '@moe-dispatch/core/backend';
import type { MemoryBlock } from './memory-block.js';
import type { MemoryPool } from './memory-pool.js';

/** A tensor in JavaScript memory. */
export class CpuTensor extends Tensor {
  declare readonly tensorClass?: CpuTensor;
  /** For kernels: the elements, then perhaps spare room, because a pooled block can be larger. */
  readonly padded: ArrayOf<DType>;
  /** For kernels: the memory, with other views on it. */
  readonly block: MemoryBlock;
  readonly #pool: MemoryPool | undefined;
  #exact: ArrayOf<DType> | null = null;

  /** @param pool takes the block back; none if the block is the caller's */
  constructor(spec: TensorSpec, block: MemoryBlock, pool?: MemoryPool) {
    super(spec);
    this.block = block;
    this.padded = block.view(spec.dtype);
    this.#pool = pool;
  }

  /**
   * The elements themselves, not a copy: valid until `dispose()`, after which the memory serves other tensors.
   * @throws DisposedError TENSOR_DISPOSED
   */
  get data(): ArrayOf<this['dtype']> {
    checkTensor('tensor', this);
    return this.#elements() as ArrayOf<this['dtype']>;
  }

  override get memory(): ArrayBufferLike {
    return this.block.buffer;
  }

  override get byteOffset(): number {
    return this.block.byteOffset;
  }

  override get capacity(): number {
    return this.padded.byteLength;
  }

  override get [Symbol.toStringTag](): string {
    return 'CpuTensor';
  }

  protected override async download(): Promise<ArrayBuffer> {
    return this.#elements().slice().buffer as ArrayBuffer;
  }

  protected override release(): void {
    this.#pool?.release(this.block);
  }

  #elements(): ArrayOf<DType> {
    if (this.#exact === null) {
      const length = this.byteLength / this.padded.BYTES_PER_ELEMENT;
      this.#exact = this.padded.length === length ? this.padded : this.padded.subarray(0, length);
    }
    return this.#exact;
  }
}
