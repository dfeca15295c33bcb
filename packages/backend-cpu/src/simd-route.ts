import type { Call, Spec } from '@moe-dispatch/core/backend';
import { ROUTE_KERNEL } from './route-kernel.js';
import type { RouteWorkspace } from './route-workspace.js';
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
      const bytes = Uint8Array.from(ROUTE_KERNEL.match(/../g)!, (byte) => Number.parseInt(byte, 16));
      const { instance } = await WebAssembly.instantiate(bytes);
      return new SimdRouter(instance);
    } catch {
      return null;
    }
  }

  /** Whether the kernel chooses these experts. */
  serves(_call: Spec<'routeTokens'>): boolean {
    return false;
  }

  route(call: RouteCall, _workspace: RouteWorkspace): void {
    this.#reserve(call.tokens);
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
