import { DeviceError, type DType } from '@moe-dispatch/core';
import { outOfMemory } from './allocated.js';
import { Heap } from './heap.js';
import { kernelsBinary } from './kernels-binary.js';
import { COEFFICIENTS } from './scores.js';
import { CHUNKS_PER_THREAD, LEAST_SHARED } from './sharing.js';
import type { CpuTensor } from './tensor.js';
import { builtin } from './thread-count.js';
import type { NodeWorkers, Threads } from './threads.js';

/** What wasm/kernels.ts does, by its numbers. */
export const ROUTE = 0;
export const SCATTER = 1;
export const GATHER = 2;
export const REDUCE = 3;

/** Where wasm/job.ts has the job, in int32s. */
const JOB = 80;
/** Of the fields, those of every kernel: the others follow. */
const [KERNEL, CHUNKS, UNITS, CHUNK_UNITS, WORKSPACE, THREAD_BYTES] = [0, 1, 2, 3, 4, 5];
/** 4 GiB. */
const MOST_PAGES = 65536;

/** wasm/kernels.ts. */
interface KernelExports {
  run(first: number, last: number, thread: number): void;
  work(thread: number): void;
  storeConstants(): void;
}

/** Ends the workers of backends that nobody disposed. */
const ABANDONED = /* @__PURE__ */ new FinalizationRegistry<Threads>((threads) => threads.stop());

/** The WebAssembly kernels, and the memory that they work in. */
export class Kernels {
  /** Lends memory to tensors; null if to grow is to take it from those who look at it. */
  readonly tensorHeap: Heap | null;
  /** The job (wasm/job.ts). */
  fields!: Int32Array;
  floatFields!: Float32Array;
  readonly #memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #exports: KernelExports;
  readonly #threads: Threads | null;
  /** What a call needs beside its tensors, and where its copies of other tensors begin. */
  #workspace = 0;
  #workspaceBytes = 0;
  #copies = 0;
  #bytes!: Uint8Array;
  #words!: Int32Array;

  private constructor(memory: WebAssembly.Memory, exports: KernelExports, threads: Threads | null) {
    this.#memory = memory;
    this.#heap = new Heap(memory);
    this.tensorHeap = memory.buffer instanceof ArrayBuffer ? null : this.#heap;
    this.#exports = exports;
    this.#threads = threads;
    this.#look();
    this.#words.set(COEFFICIENTS);
    exports.storeConstants();
    if (threads !== null) ABANDONED.register(this, threads);
  }

  /**
   * null if the engine has no WebAssembly SIMD, or a page's security policy forbids it.
   * @param threads how many are to share the work, if memory can be shared
   */
  static async create(threads = 1): Promise<Kernels | null> {
    for (const shared of [true, false]) {
      try {
        const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared });
        const { module, instance } = await WebAssembly.instantiate(kernelsBinary(shared), {
          env: { memory },
        });
        const exports = instance.exports as unknown as KernelExports;
        if (!shared || threads === 1) return new Kernels(memory, exports, null);
        const { Threads } = await import('./threads.js');
        const node = builtin<NodeWorkers>('node:worker_threads');
        return new Kernels(memory, exports, await Threads.create(threads, { module, memory, node }));
      } catch {}
    }
    return null;
  }

  get threads(): number {
    return this.#threads?.count ?? 1;
  }

  /** Makes room for a call. @throws ResourceError OUT_OF_MEMORY */
  reserve(threadBytes: number, copyBytes: number): void {
    // Whole cache lines, as all that the heap lends.
    const bytes = 64 * Math.ceil((threadBytes * this.threads + copyBytes) / 64);
    if (bytes > this.#workspaceBytes) this.#allocate(bytes);
    this.fields[WORKSPACE] = this.#workspace;
    this.fields[THREAD_BYTES] = threadBytes;
    this.#copies = this.#workspace + threadBytes * this.threads;
  }

  /** Where a tensor is, or a copy of it. */
  place(tensor: CpuTensor | null): number {
    if (tensor === null) return 0;
    const { address } = tensor.block;
    if (address > 0) return address;
    const copy = this.#copies;
    this.#copies += copyBytesOf(tensor);
    this.#bytes.set(tensor.block.view('uint8') as Uint8Array, copy);
    return copy;
  }

  /** Copies what a kernel wrote to a place into the tensor, of 32-bit elements, unless that is the place. */
  fetch(tensor: CpuTensor, place: number): void {
    if (tensor.block.address > 0) return;
    const target = tensor.block.view('int32');
    const from = place / 4;
    for (let i = 0; i < target.length; i++) target[i] = this.#words[from + i];
  }

  /** Where the token of each row of a whole inverse map is. */
  invert(rows: Int32Array, count: number, tokens: number): number {
    const words = this.#words;
    const first = this.#copies / 4;
    for (let i = 0, token = 0; i < count; i++) {
      words[first + rows[i]] = token;
      if (++token === tokens) token = 0;
    }
    return this.#copies;
  }

  /**
   * Runs a kernel whose fields are there. Throws DeviceError DEVICE_ERROR if a worker is lost in the middle.
   * @param units tokens or rows
   * @param effort as many bytes as are copied in the time that it takes
   */
  run(kernel: number, units: number, effort: number): void {
    const { fields } = this;
    const threads = this.#threads;
    fields[KERNEL] = kernel;
    fields[UNITS] = units;
    if (threads === null || effort < LEAST_SHARED) {
      this.#exports.run(0, units, 0);
      return;
    }
    const size = Math.ceil(units / (CHUNKS_PER_THREAD * threads.count));
    const chunks = Math.ceil(units / size);
    fields[CHUNKS] = chunks;
    fields[CHUNK_UNITS] = size;
    threads.offer(chunks);
    this.#exports.work(0);
    if (!threads.finish(chunks)) throw workerLost();
  }

  /** Ends the workers. */
  close(): void {
    this.#threads?.stop();
  }

  #allocate(bytes: number): void {
    if (this.#workspaceBytes > 0) this.#heap.free(this.#workspace, this.#workspaceBytes);
    this.#workspaceBytes = 0;
    this.#workspace = this.#heap.allocate(bytes);
    if (this.#workspace === 0) throw outOfMemory(`a workspace of ${bytes} bytes`);
    this.#workspaceBytes = bytes;
    this.#look();
  }

  /** Makes the views anew, because a memory that has grown is another buffer. */
  #look(): void {
    const { buffer } = this.#memory;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.fields = this.#words.subarray(JOB);
    this.floatFields = new Float32Array(buffer, 4 * JOB);
  }
}

/** Bytes that a copy for a kernel takes: none if the tensor is where kernels work. */
export function copyBytesOf(tensor: CpuTensor | null): number {
  if (tensor === null || tensor.block.address > 0) return 0;
  return Math.ceil(tensor.block.capacity / 64) * 64;
}

function workerLost(): DeviceError {
  return new DeviceError('DEVICE_ERROR', {
    argument: 'threads',
    found: 'a worker that ended, or stood still, in the middle of its work',
    expected: 'workers that are left alone',
  });
}

/** A float dtype by its number in wasm/floats.ts. */
export function floatCode(dtype: DType): number {
  return ['float32', 'float16', 'bfloat16'].indexOf(dtype);
}
