import type { OperationName } from '@moe-dispatch/core';
import type { Spec } from '@moe-dispatch/core/backend';
import { RouteWorkspace } from './route-workspace.js';
import { workspaceArray } from './workspace-array.js';

/** For moeReduce of one size. */
export type ReduceWorkspace = ReturnType<typeof reduceWorkspace>;

/** What operations need beside their tensors; each part is kept until a call of another size needs it. */
export class Workspace {
  readonly route = new RouteWorkspace();
  #nextRow = new Int32Array(0);
  #reduce = reduceWorkspace(0, 0);
  #rows = new Int32Array(0);

  /** For planning: the next free row of each expert. */
  forExperts(numExperts: number): Int32Array {
    if (this.#nextRow.length !== numExperts) this.#nextRow = workspaceArray(Int32Array, numExperts);
    return this.#nextRow;
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

  /** Allocates all that calls of up to these sizes need. @param chooses whether experts are chosen in JavaScript */
  reserve(operation: OperationName, spec: Spec<OperationName>, chooses: boolean): void {
    const { tokens, hidden, numExperts, zeroExperts, topK } = spec;
    if (operation === 'moeReduce') {
      this.forReduce(topK, hidden);
      return;
    }
    if (operation === 'moeDispatch' || operation === 'routeTokens') {
      this.route.fit(spec as Spec<'routeTokens'>, chooses);
    }
    if (operation !== 'permuteRows') this.forExperts(numExperts - zeroExperts);
    if (operation === 'permuteRows') this.forRows(topK * tokens);
  }

  get byteLength(): number {
    const { weights, values, biases, sums, words } = this.#reduce;
    const arrays = [this.route, this.#nextRow, this.#rows, weights, values, biases, sums, words];
    return arrays.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }
}

function reduceWorkspace(topK: number, hidden: number) {
  const sums = workspaceArray(Float32Array, hidden);
  return {
    /** A token's weights; one of its rows, and the bias of that. */
    weights: workspaceArray(Float32Array, topK),
    values: workspaceArray(Float32Array, hidden),
    biases: workspaceArray(Float32Array, hidden),
    /** A token's sums, and the same rounded to 16 bits. */
    sums,
    sumBits: new Int32Array(sums.buffer),
    words: workspaceArray(Uint16Array, hidden),
  };
}
