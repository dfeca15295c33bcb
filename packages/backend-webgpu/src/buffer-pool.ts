import type { Fault, Faults } from './faults.js';

/** STORAGE | COPY_SRC | COPY_DST; GPUBufferUsage is no global in Node. */
export const STORAGE_USAGE = 0x80 | 0x04 | 0x08;
/** Buffers come in multiples of this, so that tensors of nearly one size can share. */
export const GRANULE = 256;

/**
 * GPU buffers for reuse. A buffer given back may be handed out at once: commands run in the order in which they
 * were submitted, so whatever still reads it has done so before anything newer writes.
 *
 * Buffers in use and waiting never add up to more than were once in use together.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #faults: Faults;
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #live = new Set<GPUBuffer>();
  /** Buffers of which it is not known, or known to be wrong, that there is memory behind them. */
  readonly #doubtful = new WeakMap<GPUBuffer, Fault>();
  readonly #failed = new WeakSet<GPUBuffer>();
  #liveBytes = 0;
  #peakBytes = 0;
  /** Bytes of the buffers that wait for reuse. */
  freeBytes = 0;

  constructor(device: GPUDevice, faults: Faults) {
    this.#device = device;
    this.#faults = faults;
  }

  /** A buffer of at least `bytes`, of any content. */
  acquire(bytes: number, what: string): GPUBuffer {
    const size = Math.max(Math.ceil(bytes / GRANULE), 1) * GRANULE;
    const reused = this.#free.get(size)?.pop();
    if (reused !== undefined) this.freeBytes -= size;
    const buffer = reused ?? this.#create(size, what);
    this.#live.add(buffer);
    this.#liveBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
  }

  release(buffer: GPUBuffer): void {
    if (!this.#live.delete(buffer)) return;
    this.#liveBytes -= buffer.size;
    if (this.#failed.has(buffer)) return;
    const stack = this.#free.get(buffer.size);
    if (stack === undefined) this.#free.set(buffer.size, [buffer]);
    else stack.push(buffer);
    this.freeBytes += buffer.size;
  }

  /** What may be wrong with a buffer's memory; nothing once known to be right. */
  faultsOf(buffer: GPUBuffer): Fault[] {
    const fault = this.#doubtful.get(buffer);
    return fault === undefined ? [] : [fault];
  }

  #create(size: number, what: string): GPUBuffer {
    // Free buffers of other sizes make room.
    if (this.#liveBytes + this.freeBytes + size > this.#peakBytes) this.#drop();
    const create = () => this.#device.createBuffer({ size, usage: STORAGE_USAGE });
    const { value: buffer, fault } = this.#faults.watch(what, create, ['out-of-memory']);
    this.#doubtful.set(buffer, this.#faults.track(fault));
    fault.then((error) => {
      // Whoever has or gets a buffer without memory hears of it; then it goes, and makes room for smaller ones.
      if (error === undefined) this.#doubtful.delete(buffer);
      else this.#fail(buffer);
    });
    return buffer;
  }

  #fail(buffer: GPUBuffer): void {
    this.#failed.add(buffer);
    this.#drop();
  }

  #drop(): void {
    for (const stack of this.#free.values()) for (const buffer of stack) buffer.destroy();
    this.#free.clear();
    this.freeBytes = 0;
  }

  /** Destroys everything, in use or not. */
  destroy(): void {
    for (const buffer of this.#live) buffer.destroy();
    this.#live.clear();
    this.#drop();
  }
}
