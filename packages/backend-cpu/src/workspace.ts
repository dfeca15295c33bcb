import { DTYPES, type DType, type OperationName } from '@moe-dispatch/core';
import type { Sizes } from '@moe-dispatch/core/backend';
import { allocated } from './allocated.js';
import { writesInOrder } from './move-rows.js';

/** For routing and planning over `numExperts` experts; one serves any number of tokens. */
export type ExpertWorkspace = ReturnType<typeof expertWorkspace>;
/** For moeReduce of one size. */
export type ReduceWorkspace = ReturnType<typeof reduceWorkspace>;

/** What operations need beside their tensors; each part is kept until a call of another size needs it. */
export class Workspace {
  readonly #routes: boolean;
  #experts = expertWorkspace(0, 0);
  #reduce = reduceWorkspace(0, 0);
  #rows = new Int32Array(0);

  /** @param routes whether routing happens in JavaScript, and so needs room here */
  constructor(routes: boolean) {
    this.#routes = routes;
  }

  /** For routing and planning. */
  forExperts(numExperts: number): ExpertWorkspace {
    if (this.#experts.nextRow.length !== numExperts)
      this.#experts = expertWorkspace(numExperts, this.#routes ? numExperts : 0);
    return this.#experts;
  }

  forReduce(topK: number, hidden: number): ReduceWorkspace {
    const { weights, sums } = this.#reduce;
    if (weights.length !== topK || sums.length !== hidden) this.#reduce = reduceWorkspace(topK, hidden);
    return this.#reduce;
  }

  /** A number for each row of a permuted tensor, of any content. */
  forRows(rows: number): Int32Array {
    if (this.#rows.length < rows) this.#rows = workspaceArray(Int32Array, rows);
    return this.#rows;
  }

  /** Allocates all that calls of up to these sizes need. */
  reserve(operation: OperationName, sizes: Sizes & { dtype: DType }): void {
    const { tokens, hidden, numExperts, topK, dtype } = sizes;
    if (operation === 'moeReduce') {
      this.forReduce(topK, hidden);
      return;
    }
    if (operation !== 'permuteRows') this.forExperts(numExperts);
    // Fewer tokens may be moved in order when this many are not.
    if (operation === 'permuteRows' || writesInOrder(hidden * DTYPES[dtype].bytes))
      this.forRows(topK * tokens);
  }

  get byteLength(): number {
    const { weights, starts, sums, words } = this.#reduce;
    const arrays = [this.#rows, ...Object.values(this.#experts), weights, sums, words];
    return arrays.reduce((bytes, array) => bytes + array.buffer.byteLength, 8 * starts.length);
  }
}

/** @param routed the experts, if they are chosen in JavaScript; 0 if WebAssembly does it */
function expertWorkspace(numExperts: number, routed: number) {
  return {
    /** The next free row of each expert. */
    nextRow: workspaceArray(Int32Array, numExperts),
    /** A token's cleaned gating values. */
    values: workspaceArray(Float64Array, routed),
    /** A token's choices, best first. */
    topExperts: workspaceArray(Int32Array, routed),
    /** Keys to sort the experts of a row of gating values by. */
    keys: workspaceArray(Float64Array, routed),
  };
}

function reduceWorkspace(topK: number, hidden: number) {
  const sums = workspaceArray(Float32Array, hidden);
  return {
    /** A token's weights, and where its rows start. */
    weights: workspaceArray(Float32Array, topK),
    starts: new Array<number>(topK).fill(0),
    /** A token's sums, and the same rounded to 16 bits. */
    sums,
    sumBits: new Int32Array(sums.buffer),
    words: workspaceArray(Uint16Array, hidden),
  };
}

function workspaceArray<A>(ArrayType: new (length: number) => A, length: number): A {
  return allocated(() => new ArrayType(length), `${length} elements`);
}
