import { createRequire } from 'node:module';

/** Another user of CUDA in this process: native/harness/harness.cc. Addresses and handles are bigints. */
export interface Harness {
  init(ordinal: number): void;
  allocate(bytes: number): bigint;
  release(address: bigint): void;
  write(address: bigint, data: ArrayBufferView): void;
  read(address: bigint, bytes: number): ArrayBuffer;
  copy(target: bigint, source: bigint, bytes: number, stream: bigint): void;
  fill(target: bigint, word: number, words: number, stream: bigint): void;
  freeBytes(): number;
  createStream(): bigint;
  destroyStream(stream: bigint): void;
  synchronize(stream: bigint): void;
  beginCapture(stream: bigint): void;
  endCapture(stream: bigint): { graph: bigint; kernels: number; others: number };
  launchGraph(graph: bigint, stream: bigint): void;
  destroyGraph(graph: bigint): void;
  createEvent(): bigint;
  recordEvent(event: bigint, stream: bigint): void;
  elapsed(first: bigint, second: bigint): number;
}

/** Loads the harness on the first device. */
export function loadHarness(): Harness {
  const path = '../../../backend-cuda-linux-x64/build/plain/harness.node';
  const harness = createRequire(import.meta.url)(path) as Harness;
  harness.init(0);
  return harness;
}
