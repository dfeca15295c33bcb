import { isTensor } from '@moe-dispatch/core';

/** Reproducible 32-bit words (xorshift). */
export class Words {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
  }

  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** Values around 0, of different sizes. */
  floats(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => (this.next() / 2 ** 31 - 1) * (1 + (this.next() & 7)));
  }

  uint16(count: number): Uint16Array {
    return Uint16Array.from({ length: count }, () => this.next() & 0xbfff);
  }
}

/** Disposes tensors, and the tensors of objects that hold them. */
export function disposeAll(...groups: object[]): void {
  for (const group of groups) {
    const tensors = isTensor(group) ? [group] : Object.values(group).filter(isTensor);
    for (const tensor of tensors) tensor.dispose();
  }
}
