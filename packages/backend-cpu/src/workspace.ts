/** Scratch for routing and planning over `numExperts` experts; one serves any number of tokens. */
export class Workspace {
  readonly numExperts: number;
  /** A token's cleaned gating values. */
  readonly values: Float64Array;
  /** A token's best values so far, best first, and their experts. */
  readonly topValues: Float64Array;
  readonly topExperts: Int32Array;
  /** Keys to sort a token's experts by. */
  readonly sortKeys: Float64Array;
  /** The next free row of each expert. */
  readonly nextRow: Int32Array;

  constructor(numExperts: number) {
    this.numExperts = numExperts;
    this.values = new Float64Array(numExperts);
    this.topValues = new Float64Array(numExperts);
    this.topExperts = new Int32Array(numExperts);
    this.sortKeys = new Float64Array(numExperts);
    this.nextRow = new Int32Array(numExperts);
  }

  get byteLength(): number {
    const { values, topValues, topExperts, sortKeys, nextRow } = this;
    return [values, topValues, topExperts, sortKeys, nextRow].reduce(
      (sum, array) => sum + array.byteLength,
      0,
    );
  }
}
