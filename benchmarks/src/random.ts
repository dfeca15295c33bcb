/** Random numbers between 0 and 1, for a seed the same in each run. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Normally distributed values. */
export function gaussians(random: () => number, length: number): Float32Array<ArrayBuffer> {
  const gaussian = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  return Float32Array.from({ length }, gaussian);
}
