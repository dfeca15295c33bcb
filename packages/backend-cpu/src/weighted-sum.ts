const { fround } = Math;

/** Rows of a float dtype: float32 numbers, or 16-bit words. */
export type FloatRows = Float32Array | Uint16Array;

/** Adds weighted rows to sums, each product and sum rounded to float32, in the rows' order. */
export interface WeightedSum {
  /** @param starts where each row starts in `source` */
  addRows(sums: Float32Array, source: FloatRows, starts: readonly number[], weights: Float32Array): void;
  addRow(sums: Float32Array, source: FloatRows, start: number, weight: number): void;
  /** Adds one row after its bias. */
  addBiasedRow(
    sums: Float32Array,
    source: FloatRows,
    start: number,
    bias: FloatRows,
    biasStart: number,
    weight: number,
  ): void;
}

/**
 * Made anew for each dtype, because a function that met several kinds of array would be compiled well for none.
 * Eight and two rows at a time, because loading and storing the sums costs as much as adding a row.
 * @param load the value of an element
 */
export function makeWeightedSum(load: (source: FloatRows, index: number) => number): WeightedSum {
  function addEight(
    sums: Float32Array,
    source: FloatRows,
    starts: readonly number[],
    weights: Float32Array,
    k: number,
  ): void {
    const a = starts[k];
    const b = starts[k + 1];
    const c = starts[k + 2];
    const d = starts[k + 3];
    const e = starts[k + 4];
    const f = starts[k + 5];
    const g = starts[k + 6];
    const h = starts[k + 7];
    const wa = weights[k];
    const wb = weights[k + 1];
    const wc = weights[k + 2];
    const wd = weights[k + 3];
    const we = weights[k + 4];
    const wf = weights[k + 5];
    const wg = weights[k + 6];
    const wh = weights[k + 7];
    for (let i = 0; i < sums.length; i++) {
      let sum = sums[i];
      sum = fround(sum + fround(wa * load(source, a + i)));
      sum = fround(sum + fround(wb * load(source, b + i)));
      sum = fround(sum + fround(wc * load(source, c + i)));
      sum = fround(sum + fround(wd * load(source, d + i)));
      sum = fround(sum + fround(we * load(source, e + i)));
      sum = fround(sum + fround(wf * load(source, f + i)));
      sum = fround(sum + fround(wg * load(source, g + i)));
      sum = fround(sum + fround(wh * load(source, h + i)));
      sums[i] = sum;
    }
  }

  function addTwo(
    sums: Float32Array,
    source: FloatRows,
    starts: readonly number[],
    weights: Float32Array,
    k: number,
  ): void {
    const a = starts[k];
    const b = starts[k + 1];
    const wa = weights[k];
    const wb = weights[k + 1];
    for (let i = 0; i < sums.length; i++) {
      let sum = sums[i];
      sum = fround(sum + fround(wa * load(source, a + i)));
      sum = fround(sum + fround(wb * load(source, b + i)));
      sums[i] = sum;
    }
  }

  function addRow(sums: Float32Array, source: FloatRows, start: number, weight: number): void {
    for (let i = 0; i < sums.length; i++)
      sums[i] = fround(sums[i] + fround(weight * load(source, start + i)));
  }

  return {
    addRow,
    addRows(sums, source, starts, weights) {
      const count = starts.length;
      let k = 0;
      for (; k + 8 <= count; k += 8) addEight(sums, source, starts, weights, k);
      for (; k + 2 <= count; k += 2) addTwo(sums, source, starts, weights, k);
      for (; k < count; k++) addRow(sums, source, starts[k], weights[k]);
    },
    addBiasedRow(sums, source, start, bias, biasStart, weight) {
      for (let i = 0; i < sums.length; i++) {
        const value = fround(load(source, start + i) + load(bias, biasStart + i));
        sums[i] = fround(sums[i] + fround(weight * value));
      }
    },
  };
}
