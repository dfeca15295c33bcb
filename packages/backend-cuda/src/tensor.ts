import { Tensor } from '@moe-dispatch/core';
import { checkTensor, type TensorSpec } from '@moe-dispatch/core/backend';
import type { DeviceMemory } from './device-memory.js';

/** A tensor in a GPU's memory. */
export class CudaTensor extends Tensor {
  declare readonly tensorClass?: CudaTensor;
  /** The address of the first element. For the backend; users take `devicePtr`. */
  readonly address: number;
  override readonly capacity: number;
  readonly #memory: DeviceMemory;

  constructor(spec: TensorSpec, memory: DeviceMemory, address: number, capacity: number) {
    super(spec);
    this.#memory = memory;
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

  /** All memory of a device is one address space. */
  override get memory(): unknown {
    return this.#memory;
  }

  override get byteOffset(): number {
    return this.address;
  }

  override get [Symbol.toStringTag](): string {
    return 'CudaTensor';
  }

  protected override download(): Promise<ArrayBuffer> {
    return this.#memory.download(this);
  }

  protected override release(): void {
    if (!this.borrowed) this.#memory.free(this);
  }
}
