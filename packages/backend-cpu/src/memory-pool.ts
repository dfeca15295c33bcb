import { MemoryBlock } from './memory-block.js';
import { allocated } from './workspace-array.js';

/**
 * Keeps the memory of disposed tensors for the next ones: fresh memory costs several times the dispatch itself,
 * in page faults. What it keeps and what is live never exceed twice the most that was ever live: enough to alternate
 * between two sizes.
 */
export class MemoryPool {
  readonly #free = new Map<number, MemoryBlock[]>();
  #pooled = 0;
  #live = 0;
  #closed = false;
  #peak = 0;

  get pooledBytes(): number {
    return this.#pooled;
  }

  /** @throws ResourceError OUT_OF_MEMORY */
  acquire(byteLength: number): MemoryBlock {
    const capacity = blockSize(byteLength);
    let block = this.#free.get(capacity)?.pop();
    if (block === undefined) {
      if (this.#live + this.#pooled + capacity > 2 * Math.max(this.#peak, this.#live + capacity))
        this.#clear();
      block = this.#allocate(capacity);
    } else {
      this.#pooled -= capacity;
    }
    this.#live += capacity;
    if (this.#live > this.#peak) this.#peak = this.#live;
    return block;
  }

  release(block: MemoryBlock): void {
    const { capacity } = block;
    this.#live -= capacity;
    if (this.#closed) return;
    this.#pooled += capacity;
    const blocks = this.#free.get(capacity);
    if (blocks === undefined) this.#free.set(capacity, [block]);
    else blocks.push(block);
  }

  /** Drops what is pooled, and from now on what is released. */
  close(): void {
    this.#closed = true;
    this.#clear();
  }

  #clear(): void {
    this.#free.clear();
    this.#pooled = 0;
  }

  #allocate(capacity: number): MemoryBlock {
    try {
      return newBlock(capacity);
    } catch {
      this.#clear();
    }
    return allocated(`${capacity} bytes, with ${this.#live} in live tensors`, () => newBlock(capacity));
  }
}

function newBlock(capacity: number): MemoryBlock {
  return new MemoryBlock(new ArrayBuffer(capacity), 0, capacity);
}

const SMALLEST = 64;

/** Rounds up to at most eight sizes an octave, so that tensors of nearly the same size can follow one another. */
function blockSize(byteLength: number): number {
  if (byteLength <= SMALLEST) return SMALLEST;
  const last = byteLength - 1;
  const octave = last < 2 ** 31 ? 2 ** (31 - Math.clz32(last)) : 2 ** 31;
  const step = Math.max(SMALLEST, octave / 8);
  return (Math.floor(last / step) + 1) * step;
}
