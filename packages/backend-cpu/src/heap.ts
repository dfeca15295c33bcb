const PAGE_BYTES = 65536;
/** Below: what wasm/job.ts places, and the coefficients of wasm/scores.ts. */
const FIRST = 1024;
/** Kernels may read past the end of what they are given, and past the last of it. */
const SPARE = 256;
const LEAST_GROWTH = 2 ** 20;

interface Span {
  start: number;
  end: number;
}

/** Lends stretches of a WebAssembly memory, which grows when there is none. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** In their order, with something lent between any two. */
  readonly #free: Span[];

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#free = [{ start: FIRST, end: memory.buffer.byteLength - SPARE }];
  }

  /** The address of `bytes` bytes, a multiple of 64; 0 if the memory can grow no more. */
  allocate(bytes: number): number {
    const span = this.#smallest(bytes) ?? this.#grow(bytes);
    if (span === undefined) return 0;
    const { start } = span;
    span.start += bytes;
    if (span.start === span.end) this.#free.splice(this.#free.indexOf(span), 1);
    return start;
  }

  free(address: number, bytes: number): void {
    const free = this.#free;
    let i = free.findIndex(({ start }) => start > address);
    if (i < 0) i = free.length;
    free.splice(i, 0, { start: address, end: address + bytes });
    this.#join(i);
    if (i > 0) this.#join(i - 1);
  }

  /** Joins a span and the next one where they touch. */
  #join(i: number): void {
    const [span, next] = this.#free.slice(i, i + 2);
    if (span.end !== next?.start) return;
    span.end = next.end;
    this.#free.splice(i + 1, 1);
  }

  #smallest(bytes: number): Span | undefined {
    let best: Span | undefined;
    let least = Infinity;
    for (const span of this.#free) {
      const size = span.end - span.start;
      if (size < bytes || size >= least) continue;
      best = span;
      least = size;
    }
    return best;
  }

  /** A span of `bytes` at least, at the end. */
  #grow(bytes: number): Span | undefined {
    const end = this.memory.buffer.byteLength - SPARE;
    const last = this.#free.at(-1);
    const missing = bytes - (last?.end === end ? end - last.start : 0);
    try {
      this.memory.grow(Math.ceil(Math.max(missing, LEAST_GROWTH) / PAGE_BYTES));
    } catch {
      return undefined;
    }
    this.free(end, this.memory.buffer.byteLength - SPARE - end);
    return this.#free.at(-1);
  }
}
