import { allocated } from './allocated.js';
import type { Heap } from './heap.js';
import { MemoryBlock } from './memory-block.js';

/**
 * Keeps the memory of disposed tensors for the next ones: fresh memory costs several times the dispatch itself,
 * in page faults. What it keeps and what is live never exceed twice the most that was ever live: enough to alternate
 * between two sizes.
 */
export class MemoryPool {
  readonly #heap: Heap | null;
  readonly #free = new Map<number, MemoryBlock[]>();
  #pooled = 0;
  #live = 0;
  #closed = false;
  #peak = 0;

  /** @param heap memory to take as long as it has some; null for the engine's alone */
  constructor(heap: Heap | null) {
    this.#heap = heap;
  }

  get pooledBytes(): number {
    return this.#pooled;
  }

  /** @throws ResourceError OUT_OF_MEMORY */
  acquire(byteLength: number): MemoryBlock {
    const capacity = blockSize(byteLength);
    const live = this.#live + capacity;
    const peak = Math.max(this.#peak, live);
    let block = this.#free.get(capacity)?.pop();
    if (block) this.#pooled -= capacity;
    else {
      if (live + this.#pooled > 2 * peak) this.#clear();
      block = this.#allocate(capacity);
    }
    this.#live = live;
    this.#peak = peak;
    return block;
  }

  release(block: MemoryBlock): void {
    const { capacity } = block;
    this.#live -= capacity;
    if (this.#closed) return;
    this.#pooled += capacity;
    const blocks = this.#free.get(capacity);
    if (blocks) blocks.push(block);
    else this.#free.set(capacity, [block]);
  }

  /** Drops what is pooled, and from now on what is released. */
  close(): void {
    this.#closed = true;
    this.#clear();
  }

  #clear(): void {
    for (const block of [...this.#free.values()].flat()) {
      if (block.address > 0) this.#heap!.free(block.address, block.capacity);
    }
    this.#free.clear();
    this.#pooled = 0;
  }

  #allocate(capacity: number): MemoryBlock {
    const address = this.#heap?.allocate(capacity) ?? 0;
    if (address > 0) return new MemoryBlock(this.#heap!.memory.buffer, address, capacity, address);
    try {
      return newBlock(capacity);
    } catch {
      this.#clear();
    }
    return allocated(() => newBlock(capacity), `${capacity} bytes, with ${this.#live} in live tensors`);
  }
}

function newBlock(capacity: number): MemoryBlock {
  return new MemoryBlock(new ArrayBuffer(capacity), 0, capacity);
}

const SMALLEST = 64;

/** Rounds up to at most eight sizes an octave, so that tensors of nearly the same size can follow one another. */
function blockSize(byteLength: number): number {
  if (byteLength <= SMALLEST) return SMALLEST;
  const step = Math.max(SMALLEST, 2 ** Math.floor(Math.log2(byteLength - 1)) / 8);
  return Math.ceil(byteLength / step) * step;
}
