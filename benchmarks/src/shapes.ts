import { randomNumbers } from './random.js';

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
  const random = randomNumbers(1);
  return Float32Array.from({ length: tokens * numExperts }, () => random() * 8 - 4);
}
