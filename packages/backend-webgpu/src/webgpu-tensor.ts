import { type DType, Tensor } from '@moe-dispatch/core';
import type { Fault } from './faults.js';
import type { WebGpuBackend } from './webgpu-backend.js';

/** A tensor in a GPUBuffer. */
export class WebGpuTensor extends Tensor {
  declare readonly tensorClass?: WebGpuTensor;
  /** Holds the elements from `byteOffset` on; the caller's if wrapped. STORAGE | COPY_SRC | COPY_DST. */
  readonly buffer: GPUBuffer;
  /** A multiple of 4. */
  readonly byteOffset: number;
  private readonly owner: WebGpuBackend;
  /** What may have gone wrong with the work that wrote the content; undefined once known to be right. */
  private workFault: Fault | undefined;

  constructor(
    backend: WebGpuBackend,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    memory: { buffer: GPUBuffer; byteOffset: number; borrowed: boolean },
  ) {
    super(backend, shape, dtype, byteLength, memory.borrowed);
    this.owner = backend;
    this.buffer = memory.buffer;
    this.byteOffset = memory.byteOffset;
  }

  get memory(): GPUBuffer {
    return this.buffer;
  }

  get capacity(): number {
    return this.buffer.size - this.byteOffset;
  }

  /** What may yet turn out wrong with the memory. */
  memoryFaults(): Fault[] {
    const fault = this.owner.context.pool.faultOf(this.buffer);
    return fault === undefined ? [] : [fault];
  }

  /** What may yet turn out wrong with the memory or the content. */
  faults(): Fault[] {
    const { workFault } = this;
    return workFault === undefined ? this.memoryFaults() : [...this.memoryFaults(), workFault];
  }

  /** Says that the content is now what that work writes. */
  writtenBy(work: Fault): void {
    this.workFault = work;
    work.then((error) => {
      if (error === undefined && this.workFault === work) this.workFault = undefined;
    });
  }

  protected override download(): Promise<ArrayBuffer> {
    return this.owner.executor.read(this);
  }

  protected override release(): void {
    if (!this.borrowed) this.owner.context.pool.release(this.buffer);
  }
}
