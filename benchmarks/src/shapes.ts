/** A size of moe_dispatch. */
export interface Shape {
  tokens: number;
  hidden: number;
  numExperts: number;
  topK: number;
}

export function shape(tokens: number, hidden: number, numExperts: number, topK: number): Shape {
  return { tokens, hidden, numExperts, topK };
}

export function shapeName({ tokens, hidden, numExperts, topK }: Shape): string {
  return `${tokens}, ${hidden}, ${numExperts}, ${topK}`;
}

/** Random logits, the same in each run. */
export function gatingValues({ tokens, numExperts }: Shape): Float32Array {
  let state = 1;
  return Float32Array.from({ length: tokens * numExperts }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 8 - 4;
  });
}
