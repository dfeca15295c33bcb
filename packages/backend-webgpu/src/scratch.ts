import { type BufferPool, STORAGE_USAGE } from './buffer-pool.js';
import type { Fault } from './faults.js';

/** Gives the memory that an operation needs between its steps. */
export interface Scratch {
  take(bytes: number): GPUBuffer;
  /** What may yet turn out wrong with it. */
  faults(): Fault[];
}

/** Scratch memory of an operation that is submitted at once; it then goes back to the pool. */
export class PooledScratch implements Scratch {
  private readonly pool: BufferPool;
  protected readonly taken: GPUBuffer[] = [];

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  take(bytes: number): GPUBuffer {
    const buffer = this.pool.acquire(bytes, 'scratch memory');
    this.taken.push(buffer);
    return buffer;
  }

  faults(): Fault[] {
    return this.taken.map((buffer) => this.pool.faultOf(buffer)).filter((fault) => fault !== undefined);
  }

  release(): void {
    for (const buffer of this.taken) this.pool.release(buffer);
    this.taken.length = 0;
  }
}

/** Scratch memory that belongs to nobody but the commands that use it. */
export class OwnScratch implements Scratch {
  private readonly device: GPUDevice;

  constructor(device: GPUDevice) {
    this.device = device;
  }

  take(bytes: number): GPUBuffer {
    return this.device.createBuffer({ size: Math.max(Math.ceil(bytes / 4) * 4, 4), usage: STORAGE_USAGE });
  }

  faults(): Fault[] {
    return [];
  }
}

/** Scratch memory kept from one recording to the next: the n-th request gets what the n-th got before. */
export class KeptScratch extends PooledScratch {
  private next = 0;

  /** Bytes held. */
  get bytes(): number {
    return this.taken.reduce((sum, { size }) => sum + size, 0);
  }

  /** To be called before a recording. */
  restart(): void {
    this.next = 0;
  }

  override take(bytes: number): GPUBuffer {
    const kept: GPUBuffer | undefined = this.taken[this.next];
    if (kept !== undefined && kept.size >= bytes) {
      this.next += 1;
      return kept;
    }
    const buffer = super.take(bytes);
    // Where one before is too small, both are kept: recorded commands still use the small one.
    this.taken.splice(this.next, 0, this.taken.pop()!);
    this.next += 1;
    return buffer;
  }
}
