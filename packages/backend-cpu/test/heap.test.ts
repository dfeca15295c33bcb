import { expect, it } from 'vitest';
import { Heap } from '../src/heap.js';
import { randomNumbers } from './random-routing.js';

const memoryOf = (maximum: number) => new WebAssembly.Memory({ initial: 1, maximum, shared: true });

it('never lends the same bytes twice, and nothing beyond the memory', () => {
  const memory = memoryOf(200);
  const heap = new Heap(memory);
  const random = randomNumbers(1);
  const lent: { start: number; end: number }[] = [];
  for (let step = 0; step < 5000; step++) {
    if (random() < 0.55) {
      const bytes = 64 * (1 + Math.floor(random() * (random() < 0.1 ? 20_000 : 100)));
      const start = heap.allocate(bytes);
      if (start === 0) continue;
      const end = start + bytes;
      expect(start % 64).toBe(0);
      // Kernels may read past the end.
      expect(end).toBeLessThanOrEqual(memory.buffer.byteLength - 256);
      expect(lent.some((other) => other.start < end && start < other.end)).toBe(false);
      lent.push({ start, end });
    } else if (lent.length > 0) {
      const [{ start, end }] = lent.splice(Math.floor(random() * lent.length), 1);
      heap.free(start, end - start);
    }
  }
  for (const { start, end } of lent) heap.free(start, end - start);
  // All of it is one piece again.
  const { byteLength } = memory.buffer;
  expect(heap.allocate(byteLength - 1024 - 256)).toBe(1024);
  expect(memory.buffer.byteLength).toBe(byteLength);
});

it('lends nothing once the memory can grow no more, and goes on', () => {
  const heap = new Heap(memoryOf(17));
  expect(heap.allocate(2 ** 21)).toBe(0);
  const start = heap.allocate(2 ** 20);
  expect(start).toBeGreaterThan(0);
  expect(heap.allocate(2 ** 20)).toBe(0);
  heap.free(start, 2 ** 20);
  expect(heap.allocate(2 ** 20)).toBe(start);
});
