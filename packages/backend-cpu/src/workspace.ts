import { scratchArray } from './scratch.js';

/** Scratch for routing and planning over `numExperts` experts; one serves any number of tokens. */
export class Workspace {
  readonly numExperts: number;
  /** The next free row of each expert. */
  readonly nextRow: Int32Array;
  /** A token's cleaned gating values. This and what follows is empty where WebAssembly routes. */
  readonly values: Float64Array;
  /** A token's choices, best first. */
  readonly topExperts: Int32Array;
  private readonly sortKeys: Float64Array;
  private keys: Float64Array;

  constructor(numExperts: number, routes: boolean) {
    this.numExperts = numExperts;
    this.nextRow = scratchArray(Int32Array, numExperts);
    const routed = routes ? numExperts : 0;
    this.values = scratchArray(Float64Array, routed);
    this.topExperts = scratchArray(Int32Array, routed);
    this.sortKeys = scratchArray(Float64Array, routed);
    this.keys = this.sortKeys;
  }

  /** Keys to sort a row's experts by. */
  keysOf(columns: number): Float64Array {
    if (this.keys.length !== columns) this.keys = this.sortKeys.subarray(0, columns);
    return this.keys;
  }

  /** `values`, `topExperts` and `sortKeys` take 8 + 4 + 8 bytes an expert: five times what `topExperts` takes. */
  get byteLength(): number {
    return this.nextRow.byteLength + 5 * this.topExperts.byteLength;
  }
}
