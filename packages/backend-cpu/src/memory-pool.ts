import { ResourceError } from '@moe-dispatch/core';
import { Block } from './block.js';

/**
 * Keeps the memory of disposed tensors for the next ones: fresh memory costs several times the dispatch itself,
 * in page faults. What it keeps and what is live never exceed the most that was ever live.
 */
export class MemoryPool {
  private readonly free = new Map<number, Block[]>();
  private pooled = 0;
  private live = 0;
  private peak = 0;

  get pooledBytes(): number {
    return this.pooled;
  }

  /** @throws ResourceError OUT_OF_MEMORY */
  acquire(byteLength: number): Block {
    const capacity = blockSize(byteLength);
    let block = this.free.get(capacity)?.pop();
    if (block === undefined) {
      this.makeRoom(capacity);
      block = this.allocate(capacity);
    } else {
      this.pooled -= capacity;
    }
    this.live += capacity;
    if (this.live > this.peak) this.peak = this.live;
    return block;
  }

  release(block: Block): void {
    const { capacity } = block;
    this.live -= capacity;
    this.pooled += capacity;
    const blocks = this.free.get(capacity);
    if (blocks === undefined) this.free.set(capacity, [block]);
    else blocks.push(block);
  }

  clear(): void {
    this.free.clear();
    this.pooled = 0;
  }

  /** Drops pooled blocks, largest first, until a new one fits under the peak. */
  private makeRoom(capacity: number): void {
    const limit = Math.max(this.peak, this.live + capacity);
    if (this.live + this.pooled + capacity <= limit) return;
    for (const size of [...this.free.keys()].sort((a, b) => b - a)) {
      const blocks = this.free.get(size)!;
      while (blocks.length > 0 && this.live + this.pooled + capacity > limit) {
        blocks.pop();
        this.pooled -= size;
      }
      if (blocks.length === 0) this.free.delete(size);
    }
  }

  private allocate(capacity: number): Block {
    try {
      return newBlock(capacity);
    } catch {
      this.clear();
    }
    try {
      return newBlock(capacity);
    } catch (cause) {
      throw new ResourceError('OUT_OF_MEMORY', {
        argument: 'shape',
        found: `a request of ${capacity} bytes, with ${this.live} bytes in live tensors`,
        expected: 'a size that this JavaScript engine can still allocate',
        cause,
      });
    }
  }
}

function newBlock(capacity: number): Block {
  return new Block(new ArrayBuffer(capacity), 0, capacity);
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
