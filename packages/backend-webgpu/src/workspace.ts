import { type BufferPool, STORAGE_USAGE } from './buffer-pool.js';
import type { Fault } from './faults.js';

/** Gives the memory that an operation needs between its steps. */
export interface Workspace {
  take(bytes: number): GPUBuffer;
  /** What may yet turn out wrong with it. */
  faults(): Fault[];
}

/** Workspace of an operation that is submitted at once; it then goes back to the pool. */
export class PooledWorkspace implements Workspace {
  readonly #pool: BufferPool;
  protected readonly taken: GPUBuffer[] = [];

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  take(bytes: number): GPUBuffer {
    const buffer = this.#pool.acquire(bytes, 'a workspace');
    this.taken.push(buffer);
    return buffer;
  }

  faults(): Fault[] {
    return this.taken.flatMap((buffer) => this.#pool.faultsOf(buffer));
  }

  release(): void {
    for (const buffer of this.taken) this.#pool.release(buffer);
    this.taken.length = 0;
  }
}

/** Workspace that belongs to nobody but the commands that use it. */
export class OwnWorkspace implements Workspace {
  readonly #device: GPUDevice;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  take(bytes: number): GPUBuffer {
    return this.#device.createBuffer({ size: Math.max(Math.ceil(bytes / 4) * 4, 4), usage: STORAGE_USAGE });
  }

  faults(): Fault[] {
    return [];
  }

  /** An encoder may be submitted any time, so what it uses is left to the garbage collector. */
  release(): void {}
}

/** Workspace kept from one run to the next: the n-th request gets what the n-th got before. */
export class KeptWorkspace extends PooledWorkspace {
  #next = 0;

  /** Bytes held. */
  get bytes(): number {
    return this.taken.reduce((sum, { size }) => sum + size, 0);
  }

  /** To be called before a schedule is bound. */
  restart(): void {
    this.#next = 0;
  }

  override take(bytes: number): GPUBuffer {
    const kept: GPUBuffer | undefined = this.taken[this.#next];
    if (kept !== undefined && kept.size >= bytes) {
      this.#next += 1;
      return kept;
    }
    const buffer = super.take(bytes);
    // If the one before is too small, both are kept: recorded commands still use the small one.
    this.taken.splice(this.#next, 0, this.taken.pop()!);
    this.#next += 1;
    return buffer;
  }
}
