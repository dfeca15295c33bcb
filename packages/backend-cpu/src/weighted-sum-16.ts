const { fround } = Math;

/**
 * ./weighted-sum.ts for rows of 16-bit words.
 * @param values the value of each of the 65,536 words
 */
export function addRows(
  sums: Float32Array,
  values: Float32Array,
  source: Uint16Array,
  starts: readonly number[],
  weights: Float32Array,
): void {
  const count = starts.length;
  let k = 0;
  for (; k + 8 <= count; k += 8) addEight(sums, values, source, starts, weights, k);
  for (; k + 2 <= count; k += 2) addTwo(sums, values, source, starts, weights, k);
  for (; k < count; k++) addRow(sums, values, source, starts[k], weights[k]);
}

/** Adds one row after its bias. */
export function addBiasedRow(
  sums: Float32Array,
  values: Float32Array,
  source: Uint16Array,
  start: number,
  bias: Uint16Array,
  biasStart: number,
  weight: number,
): void {
  for (let i = 0; i < sums.length; i++) {
    const value = fround(values[source[start + i]] + values[bias[biasStart + i]]);
    sums[i] = fround(sums[i] + fround(weight * value));
  }
}

export function addRow(
  sums: Float32Array,
  values: Float32Array,
  source: Uint16Array,
  start: number,
  weight: number,
): void {
  for (let i = 0; i < sums.length; i++) {
    sums[i] = fround(sums[i] + fround(weight * values[source[start + i]]));
  }
}

function addEight(
  sums: Float32Array,
  values: Float32Array,
  source: Uint16Array,
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
    sum = fround(sum + fround(wa * values[source[a + i]]));
    sum = fround(sum + fround(wb * values[source[b + i]]));
    sum = fround(sum + fround(wc * values[source[c + i]]));
    sum = fround(sum + fround(wd * values[source[d + i]]));
    sum = fround(sum + fround(we * values[source[e + i]]));
    sum = fround(sum + fround(wf * values[source[f + i]]));
    sum = fround(sum + fround(wg * values[source[g + i]]));
    sum = fround(sum + fround(wh * values[source[h + i]]));
    sums[i] = sum;
  }
}

function addTwo(
  sums: Float32Array,
  values: Float32Array,
  source: Uint16Array,
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
    sum = fround(sum + fround(wa * values[source[a + i]]));
    sum = fround(sum + fround(wb * values[source[b + i]]));
    sums[i] = sum;
  }
}
