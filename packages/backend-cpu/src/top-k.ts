const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);
/** Indices that a key has room for beside the 33 bits of a value's order. */
const KEY_INDICES = 2 ** 20;

/**
 * Puts the indices of the best `topK` of `count` values into `top`: larger first, then lower index. Sorts numbers made of
 * the value's rank and the index, both exact within a float64's 53 bits.
 * @param keys workspace for `count` numbers, no more and no less.
 */
export function selectTop(values: Float32Array, keys: Float64Array, top: Int32Array, topK: number): void {
  for (let i = 0; i < keys.length; i++) {
    keys[i] = i - rankOf(values, i) * KEY_INDICES;
  }
  keys.sort();
  for (let k = 0; k < topK; k++) top[k] = keys[k] - Math.floor(keys[k] / KEY_INDICES) * KEY_INDICES;
}

/** An int32 that is larger for a larger value; −0 and +0 have the same. */
export function rankOf(values: Float32Array, i: number): number {
  floatBits[0] = values[i];
  const bits = intBits[0];
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}
