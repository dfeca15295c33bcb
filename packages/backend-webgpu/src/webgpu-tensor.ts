import { Tensor } from '@moe-dispatch/core';
import type { TensorSpec } from '@moe-dispatch/core/backend';
import type { Executor } from './executor.js';
import type { Fault } from './faults.js';

/** A tensor in a GPUBuffer. */
export class WebGpuTensor extends Tensor {
  declare readonly tensorClass?: WebGpuTensor;
  /** Holds the elements from `byteOffset` on; the caller's if wrapped. STORAGE | COPY_SRC | COPY_DST. */
  readonly buffer: GPUBuffer;
  /** A multiple of 4. */
  readonly byteOffset: number;
  readonly capacity: number;
  readonly #executor: Executor;
  /** What may have gone wrong with the work that wrote the content; undefined once known to be right. */
  #workFault: Fault | undefined;

  constructor(spec: TensorSpec, executor: Executor, buffer: GPUBuffer, byteOffset: number) {
    super(spec);
    this.#executor = executor;
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    // Once: asking the buffer takes time, and its size never changes.
    this.capacity = buffer.size - byteOffset;
  }

  get memory(): GPUBuffer {
    return this.buffer;
  }

  override get [Symbol.toStringTag](): string {
    return 'WebGpuTensor';
  }

  /** What may yet turn out wrong with the memory. */
  memoryFaults(): Fault[] {
    return this.#executor.context.pool.faultsOf(this.buffer);
  }

  /** What may yet turn out wrong with the memory or the content. */
  faults(): Fault[] {
    const workFault = this.#workFault;
    return workFault === undefined ? this.memoryFaults() : [...this.memoryFaults(), workFault];
  }

  /** Says that the content is now what that work writes. */
  writtenBy(work: Fault): void {
    this.#workFault = work;
    work.then((error) => {
      if (error === undefined && this.#workFault === work) this.#workFault = undefined;
    });
  }

  protected override download(): Promise<ArrayBuffer> {
    return this.#executor.read(this);
  }

  protected override release(): void {
    if (!this.borrowed) this.#executor.context.pool.release(this.buffer);
  }
}
