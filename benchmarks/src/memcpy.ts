import { Worker } from 'node:worker_threads';

/** A copy of some bytes to `topK` places. In memory that is not shared, because engines copy that faster. */
export function copier(bytes: number, topK: number): () => void {
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes * topK).fill(2);
  return () => {
    for (let k = 0; k < topK; k++) target.set(source, k * bytes);
  };
}

/** What the worker of {@link Memcpy} copies, and how often: copies asked for, and copies done. */
export interface Order {
  bytes: number;
  topK: number;
  words: Int32Array<SharedArrayBuffer>;
}

/** Moves as many bytes as a dispatch does, and computes nothing: every row read K times, K·T rows written. */
export class Memcpy {
  readonly one: () => void;
  /** Half of it here, half of it in a worker. */
  readonly two: () => void;
  readonly #worker: Worker;

  constructor(bytes: number, topK: number) {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const half = Math.floor(bytes / 2);
    const order: Order = { bytes: bytes - half, topK, words };
    this.#worker = new Worker(new URL('memcpy-worker.js', import.meta.url), { workerData: order });
    this.one = copier(bytes, topK);
    const copyHalf = copier(half, topK);
    this.two = () => {
      const job = Atomics.add(words, 0, 1) + 1;
      Atomics.notify(words, 0);
      copyHalf();
      while (Atomics.load(words, 1) !== job);
    };
  }

  async dispose(): Promise<void> {
    await this.#worker.terminate();
  }
}
