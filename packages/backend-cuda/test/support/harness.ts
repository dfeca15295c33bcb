import { createRequire } from 'node:module';
import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';
import type { CudaMemory } from '../../src/index.js';

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

/** Memory for the conformance cases of `wrap`, from the harness. It is never freed: a few megabytes for a whole run. */
export function cudaMemory(harness: Harness) {
  return {
    make(data: ArrayOf<DType>): CudaMemory {
      const devicePtr = harness.allocate(Math.max(16, data.byteLength));
      harness.write(devicePtr, data);
      return { devicePtr, byteLength: data.byteLength };
    },
    read(native: unknown, dtype: DType, elements: number): ArrayOf<DType> {
      const { ArrayType, bytes } = DTYPES[dtype];
      return new ArrayType(
        harness.read((native as CudaMemory).devicePtr, elements * bytes),
      ) as ArrayOf<DType>;
    },
  };
}
