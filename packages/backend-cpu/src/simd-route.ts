import { type Call, SCORING_FUNCS, type Spec } from '@moe-dispatch/core/backend';
import { loadFloats } from './float-table.js';
import { clean } from './gating-row.js';
import { finishRouting } from './route.js';
import { routeKernel } from './route-kernel.js';
import type { RouteWorkspace } from './route-workspace.js';
import { COEFFICIENTS } from './scores.js';
import type { CpuTensor } from './tensor.js';

type RouteCall = Call<'routeTokens', CpuTensor>;

type RouteKernel = (
  gatingOutput: number,
  experts: number,
  scores: number,
  scratch: number,
  bias: number,
  tokens: number,
  numExperts: number,
  topK: number,
  scoringFunc: number,
  nGroup: number,
  topkGroup: number,
  top2Sum: boolean,
) => void;

/** Gating bytes that go through the kernel at once: they stay in the cache, and the kernel's memory stays small. */
const CHUNK_BYTES = 32768;
const PAGE_BYTES = 65536;
/** Values that the kernel takes together. */
const BLOCK = 16;
/** Beyond it, the kernel's way to rank groups is slow. */
const MAX_GROUPS = 64;

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
    this.#ints.set(COEFFICIENTS);
  }

  /** null if the engine has no WebAssembly SIMD, or a page's security policy forbids it. */
  static async create(): Promise<SimdRouter | null> {
    try {
      const { instance } = await WebAssembly.instantiate(routeKernel());
      return new SimdRouter(instance);
    } catch {
      return null;
    }
  }

  /** Whether the kernel chooses these experts. */
  serves(spec: Spec<'routeTokens'>): boolean {
    const { selection, nGroup, dropPolicy, tensors } = spec;
    if (selection === 'one_per_group') return true;
    if (selection !== 'topk' || nGroup > MAX_GROUPS) return false;
    // Otherwise the largest score is not the first choice's.
    return dropPolicy !== 'probs' || (nGroup === 1 && !tensors.includes('eScoreCorrectionBias'));
  }

  route(call: RouteCall, workspace: RouteWorkspace): void {
    // Each of the groups that give one choice is a row.
    const groups = call.selection === 'one_per_group' ? call.nGroup : 1;
    const nGroup = call.nGroup / groups;
    const rows = call.tokens * groups;
    const columns = call.numExperts / groups;
    const picks = call.topK / groups;
    const chunk = Math.min(rows, Math.max(1, Math.floor(CHUNK_BYTES / (4 * columns))));
    const size = chunk * columns;
    // In the kernel's memory: its coefficients, its scratch, the bias, the chunk, the results.
    const scratch = aligned(COEFFICIENTS.length);
    const bias =
      scratch + 4 * aligned(columns) + 3 * aligned(picks) + aligned(nGroup) + aligned(columns / BLOCK);
    const gatingOutput = bias + aligned(columns);
    const experts = gatingOutput + aligned(size);
    const scores = experts + aligned(chunk * picks);
    this.#reserve(4 * (scores + aligned(chunk * picks)));
    const { eScoreCorrectionBias } = call;
    if (eScoreCorrectionBias !== null) {
      loadFloats(eScoreCorrectionBias, 0, columns, this.#floats, bias);
      for (let i = bias; i < bias + columns; i++) this.#floats[i] = clean(this.#floats[i]);
    }
    for (let first = 0; first < rows; first += chunk) {
      const count = Math.min(chunk, rows - first);
      this.#loadGating(call.gatingOutput, first * columns, size, gatingOutput);
      this.#kernel(
        4 * gatingOutput,
        4 * experts,
        4 * scores,
        4 * scratch,
        eScoreCorrectionBias === null ? 0 : 4 * bias,
        count,
        columns,
        picks,
        SCORING_FUNCS.indexOf(call.scoringFunc),
        nGroup,
        call.topkGroup / groups,
        nGroup > 1 && call.groupScoreFunc === 'top2_sum',
      );
      this.#store(call, first * picks, count * picks, experts, scores);
    }
    if (groups > 1) numberFromRow(call, columns);
    if (call.dropPolicy === 'probs') rememberBest(call, workspace);
    finishRouting(call, workspace);
  }

  /** Puts `size` elements from `first` on, or as many as there are, into the kernel's memory. */
  #loadGating(gating: CpuTensor, first: number, size: number, to: number): void {
    const { dtype, padded, block } = gating;
    if (dtype === 'float32') {
      // Whole chunks, if a pooled block goes on behind the last row: the views serve any number of rows.
      const chunks = block.rows('float32', size) as Float32Array[];
      chunks[first / size] ??= (padded as Float32Array).subarray(first, first + size);
      this.#floats.set(chunks[first / size], to);
    } else loadFloats(gating, first, Math.min(size, padded.length - first), this.#floats, to);
  }

  #store(call: RouteCall, at: number, count: number, experts: number, scores: number): void {
    const ints = this.#ints;
    const floats = this.#floats;
    const topKIndices = call.topKIndices.padded as Int32Array;
    const expertScales = call.expertScalesFloat.padded as Float32Array;
    for (let i = 0; i < count; i++) {
      topKIndices[at + i] = ints[experts + i];
      expertScales[at + i] = floats[scores + i];
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

/** Makes indices within groups of `columns` experts indices of experts. */
function numberFromRow({ tokens, topK, topKIndices }: RouteCall, columns: number): void {
  const experts = topKIndices.padded as Int32Array;
  for (let i = 0; i < tokens * topK; i++) experts[i] += (i % topK) * columns;
}

/** The first choices have the tokens' largest scores. */
function rememberBest({ tokens, topK, expertScalesFloat }: RouteCall, { bestScores }: RouteWorkspace): void {
  const scores = expertScalesFloat.padded as Float32Array;
  for (let token = 0; token < tokens; token++) bestScores[token] = scores[token * topK];
}
