import { checkTensor, type DType, Tensor } from '@moe-dispatch/core';
import type { CudaBackend } from './backend.js';

/** A tensor in a GPU's memory. */
export class CudaTensor extends Tensor {
  declare readonly tensorClass?: CudaTensor;
  /** The address of the first element. For the backend; users take `devicePtr`. */
  readonly address: number;
  override readonly capacity: number;

  constructor(
    backend: CudaBackend,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    address: number,
    capacity: number,
    borrowed: boolean,
  ) {
    super(backend, shape, dtype, byteLength, borrowed);
    this.address = address;
    this.capacity = capacity;
  }

  /**
   * The address of the first element on the device, for other users of CUDA in this process: the memory belongs to the
   * device's primary context. Valid until `dispose()`; work issued there has to be ordered with the backend's stream.
   * @throws DisposedError TENSOR_DISPOSED
   */
  get devicePtr(): bigint {
    checkTensor('tensor', this);
    return BigInt(this.address);
  }

  /** All memory of a device has one address space. */
  override get memory(): unknown {
    return this.cuda.addressSpace;
  }

  override get byteOffset(): number {
    return this.address;
  }

  protected override download(): Promise<ArrayBuffer> {
    return this.cuda.download(this);
  }

  protected override release(): void {
    if (!this.borrowed) this.cuda.free(this);
  }

  private get cuda(): CudaBackend {
    return this.backend as CudaBackend;
  }
}
