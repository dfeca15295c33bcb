const { fround } = Math;

/**
 * Adds weighted rows to sums, each product and sum rounded to float32, in the rows' order. Eight and two at a time,
 * because loading and storing the sums costs as much as adding a row. Here elements are float32;
 * ./weighted-sum-16.ts is the same for 16-bit words: a function that met both kinds of array would be compiled well for
 * neither, three times as slow.
 * @param _values not used here
 * @param starts where each row starts in `source`
 */
export function addRows(
  sums: Float32Array,
  _values: Float32Array,
  source: Float32Array,
  starts: readonly number[],
  weights: Float32Array,
): void {
  const count = starts.length;
  let k = 0;
  for (; k + 8 <= count; k += 8) addEight(sums, _values, source, starts, weights, k);
  for (; k + 2 <= count; k += 2) addTwo(sums, _values, source, starts, weights, k);
  for (; k < count; k++) addRow(sums, _values, source, starts[k], weights[k]);
}

/** Adds one row after its bias. */
export function addBiasedRow(
  sums: Float32Array,
  _values: Float32Array,
  source: Float32Array,
  start: number,
  bias: Float32Array,
  biasStart: number,
  weight: number,
): void {
  for (let i = 0; i < sums.length; i++) {
    const value = fround(source[start + i] + bias[biasStart + i]);
    sums[i] = fround(sums[i] + fround(weight * value));
  }
}

export function addRow(
  sums: Float32Array,
  _values: Float32Array,
  source: Float32Array,
  start: number,
  weight: number,
): void {
  for (let i = 0; i < sums.length; i++) {
    sums[i] = fround(sums[i] + fround(weight * source[start + i]));
  }
}

function addEight(
  sums: Float32Array,
  _values: Float32Array,
  source: Float32Array,
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
    sum = fround(sum + fround(wa * source[a + i]));
    sum = fround(sum + fround(wb * source[b + i]));
    sum = fround(sum + fround(wc * source[c + i]));
    sum = fround(sum + fround(wd * source[d + i]));
    sum = fround(sum + fround(we * source[e + i]));
    sum = fround(sum + fround(wf * source[f + i]));
    sum = fround(sum + fround(wg * source[g + i]));
    sum = fround(sum + fround(wh * source[h + i]));
    sums[i] = sum;
  }
}

function addTwo(
  sums: Float32Array,
  _values: Float32Array,
  source: Float32Array,
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
    sum = fround(sum + fround(wa * source[a + i]));
    sum = fround(sum + fround(wb * source[b + i]));
    sums[i] = sum;
  }
}
