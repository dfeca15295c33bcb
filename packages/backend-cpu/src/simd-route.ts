import type { Call } from '@moe-dispatch/core/backend';
import { DIGITS, ROUTE_KERNEL } from './route-kernel.js';
import { numberFromRow, ROUTES, rowsPerToken } from './routing-rows.js';
import type { CpuTensor } from './tensor.js';

type RouteCall = Call<'routeTokens', CpuTensor>;

type RouteKernel = (
  gatingOutput: number,
  experts: number,
  scales: number,
  values: number,
  tokens: number,
  numExperts: number,
  topK: number,
  softmax: boolean,
) => void;

/** Gating bytes that go through the kernel at once: they stay in the cache, and the kernel's memory stays small. */
const CHUNK_BYTES = 32768;
const PAGE_BYTES = 65536;
/** Values that the kernel takes together. */
const BLOCK = 16;

/** Routes in WebAssembly, in chunks of tokens that pass through the kernel's own memory. */
export class SimdRouter {
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: RouteKernel;
  #floats: Float32Array;
  #ints: Int32Array;

  private constructor(instance: WebAssembly.Instance) {
    this.#memory = instance.exports.memory as WebAssembly.Memory;
    this.#kernel = instance.exports.route as RouteKernel;
    this.#floats = new Float32Array(this.#memory.buffer);
    this.#ints = new Int32Array(this.#memory.buffer);
  }

  /** null if the engine has no WebAssembly SIMD, or a page's security policy forbids it. */
  static async create(): Promise<SimdRouter | null> {
    try {
      const bytes = Uint8Array.from(ROUTE_KERNEL.match(/../g)!, ([high, low]) => {
        return 16 * DIGITS.indexOf(high) + DIGITS.indexOf(low);
      });
      const { instance } = await WebAssembly.instantiate(bytes);
      return new SimdRouter(instance);
    } catch {
      return null;
    }
  }

  route(call: RouteCall): void {
    const groups = rowsPerToken(call);
    const rows = call.tokens * groups;
    const columns = call.numExperts / groups;
    const picks = call.topK / groups;
    const chunk = Math.min(rows, Math.max(1, Math.floor(CHUNK_BYTES / (4 * columns))));
    const size = chunk * columns;
    // In the kernel's memory: its workspace at 0, then the chunk, then the results.
    const gatingOutput = aligned(columns) + aligned(picks) + aligned(columns / BLOCK);
    const experts = gatingOutput + aligned(size);
    const scales = experts + aligned(chunk * picks);
    this.#reserve(4 * (scales + aligned(chunk * picks)));
    const { softmax, grouped } = ROUTES[call.router];
    const { padded, block } = call.gatingOutput;
    // Whole chunks, if a pooled block goes on behind the last row: the views serve any number of rows.
    const chunks = block.rows('float32', size) as Float32Array[];
    for (let first = 0; first < rows; first += chunk) {
      const count = Math.min(chunk, rows - first);
      const from = first * columns;
      chunks[from / size] ??= (padded as Float32Array).subarray(from, from + size);
      this.#floats.set(chunks[from / size], gatingOutput);
      this.#kernel(4 * gatingOutput, 4 * experts, 4 * scales, 0, count, columns, picks, softmax);
      this.#store(call, first * picks, count * picks, experts, scales);
    }
    if (grouped) numberFromRow(call, columns);
  }

  #store(call: RouteCall, at: number, count: number, experts: number, scales: number): void {
    const ints = this.#ints;
    const floats = this.#floats;
    const topKIndices = call.topKIndices.padded as Int32Array;
    const expertScales = call.expertScalesFloat.padded as Float32Array;
    for (let i = 0; i < count; i++) {
      topKIndices[at + i] = ints[experts + i];
      expertScales[at + i] = floats[scales + i];
    }
  }

  #reserve(byteLength: number): void {
    const missing = byteLength - this.#floats.byteLength;
    if (missing <= 0) return;
    this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#floats = new Float32Array(this.#memory.buffer);
    this.#ints = new Int32Array(this.#memory.buffer);
  }
}

/** Elements rounded up to whole blocks, with one to spare: the kernel reads and writes whole ones. */
function aligned(elements: number): number {
  return (Math.ceil(elements / BLOCK) + 1) * BLOCK;
}
