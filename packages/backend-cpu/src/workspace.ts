import { DTYPES, type DType, type OperationName } from '@moe-dispatch/core';
import type { Sizes } from '@moe-dispatch/core/backend';
import { writesInOrder } from './move-rows.js';
import { workspaceArray } from './workspace-array.js';

/** What operations need beside their tensors; each part is kept until a call of another size needs it. */
export class Workspace {
  private readonly routes: boolean;
  private experts = new ExpertWorkspace(0, false);
  private reduce = new ReduceWorkspace(0, 0);
  private rows = new Int32Array(0);

  /** @param routes whether routing happens in JavaScript, and so needs room here */
  constructor(routes: boolean) {
    this.routes = routes;
  }

  /** For routing and planning. */
  forExperts(numExperts: number): ExpertWorkspace {
    if (this.experts.numExperts !== numExperts) this.experts = new ExpertWorkspace(numExperts, this.routes);
    return this.experts;
  }

  forReduce(topK: number, hidden: number): ReduceWorkspace {
    const { reduce } = this;
    if (reduce.topK !== topK || reduce.hidden !== hidden) this.reduce = new ReduceWorkspace(topK, hidden);
    return this.reduce;
  }

  /** A number for each row of a permuted tensor, of any content. */
  forRows(rows: number): Int32Array {
    if (this.rows.length < rows) this.rows = workspaceArray(Int32Array, rows);
    return this.rows;
  }

  /** Allocates all that calls of up to these sizes need. */
  reserve(operation: OperationName, sizes: Sizes & { dtype: DType }): void {
    const { tokens, hidden, numExperts, topK, dtype } = sizes;
    const rowBytes = hidden * DTYPES[dtype].bytes;
    switch (operation) {
      case 'moeDispatch':
        this.forExperts(numExperts);
        // Fewer tokens may be moved in order when this many are not.
        if (writesInOrder(rowBytes)) this.forRows(topK * tokens);
        break;
      case 'routeTokens':
      case 'planDispatch':
        this.forExperts(numExperts);
        break;
      case 'permuteRows':
        this.forRows(topK * tokens);
        break;
      case 'moeReduce':
        this.forReduce(topK, hidden);
        break;
      default:
        operation satisfies never;
    }
  }

  get byteLength(): number {
    return this.experts.byteLength + this.reduce.byteLength + this.rows.byteLength;
  }
}

/** For routing and planning over `numExperts` experts; one serves any number of tokens. */
export class ExpertWorkspace {
  readonly numExperts: number;
  /** The next free row of each expert. */
  readonly nextRow: Int32Array;
  /** A token's cleaned gating values. This and what follows is empty if WebAssembly routes. */
  readonly values: Float64Array;
  /** A token's choices, best first. */
  readonly topExperts: Int32Array;
  private readonly sortKeys: Float64Array;
  private keys: Float64Array;

  constructor(numExperts: number, routes: boolean) {
    this.numExperts = numExperts;
    this.nextRow = workspaceArray(Int32Array, numExperts);
    const routed = routes ? numExperts : 0;
    this.values = workspaceArray(Float64Array, routed);
    this.topExperts = workspaceArray(Int32Array, routed);
    this.sortKeys = workspaceArray(Float64Array, routed);
    this.keys = this.sortKeys;
  }

  /** Keys to sort a row's experts by. */
  keysOf(columns: number): Float64Array {
    if (this.keys.length !== columns) this.keys = this.sortKeys.subarray(0, columns);
    return this.keys;
  }

  get byteLength(): number {
    const { nextRow, values, topExperts, sortKeys } = this;
    return nextRow.byteLength + values.byteLength + topExperts.byteLength + sortKeys.byteLength;
  }
}

/** For moeReduce of one size. */
export class ReduceWorkspace {
  readonly topK: number;
  readonly hidden: number;
  /** A token's weights, and where its rows start. */
  readonly weights: Float32Array;
  readonly starts: number[];
  /** A token's sums, and the same rounded to 16 bits. */
  readonly sums: Float32Array;
  readonly sumBits: Int32Array;
  readonly words: Uint16Array;

  constructor(topK: number, hidden: number) {
    this.topK = topK;
    this.hidden = hidden;
    this.weights = workspaceArray(Float32Array, topK);
    this.starts = new Array<number>(topK).fill(0);
    this.sums = workspaceArray(Float32Array, hidden);
    this.sumBits = new Int32Array(this.sums.buffer);
    this.words = workspaceArray(Uint16Array, hidden);
  }

  get byteLength(): number {
    return this.weights.byteLength + 8 * this.topK + this.sums.byteLength + this.words.byteLength;
  }
}
