// The inputs that every implementation gets, made by integer arithmetic alone: python/observe.py makes the same bytes.
import { bfloat16ToFloat32, float32ToBfloat16 } from '@moe-dispatch/core';

export const KINDS = ['float32', 'bfloat16', 'equal', 'nan', 'infinite', 'padding'];
export const TOKENS = [1, 2, 16, 256];
/** Experts and choices. */
export const SHAPES = [
  [8, 2],
  [64, 8],
  [128, 4],
  [256, 8],
  [512, 8],
];
/** How often each call is made. */
export const TRIALS = 20;

/** What the implementations in JavaScript compute. */
export const ROUTER = { scoringFunc: 'softmax', normTopkProb: true };

/** Every case: its id and sizes, and a function that makes its logits [T, E]. */
export const CASES = SHAPES.flatMap(([numExperts, topK], i) =>
  KINDS.flatMap((kind, j) =>
    TOKENS.map((tokens, k) => {
      const id = `${kind}/e=${numExperts},k=${topK},t=${tokens}`;
      const seed = (i * KINDS.length + j) * TOKENS.length + k;
      return { id, kind, numExperts, topK, tokens, logits: () => makeLogits(kind, tokens, numExperts, seed) };
    }),
  ),
);

/** Whether this token of a case is padding, whose results nobody uses. */
export const isPadding = (kind, token) => kind === 'padding' && token % 4 === 3;

function makeLogits(kind, tokens, numExperts, seed) {
  const logits = new Float32Array(tokens * numExperts);
  for (let i = 0; i < logits.length; i++) logits[i] = LOGIT[kind](seed, i, Math.floor(i / numExperts));
  return kind === 'bfloat16' ? bfloat16ToFloat32(float32ToBfloat16(logits)) : logits;
}

const LOGIT = {
  float32: bellShaped,
  bfloat16: bellShaped,
  equal: (_, __, token) => (token % 8) / 8,
  // The first token has nothing else.
  nan: (seed, i, token) => (token === 0 || draw(seed, i, 4) % 4 === 0 ? Number.NaN : bellShaped(seed, i)),
  infinite(seed, i) {
    const drawn = draw(seed, i, 4) % 16;
    if (drawn < 4) return Number.NEGATIVE_INFINITY;
    return drawn === 4 ? Number.POSITIVE_INFINITY : bellShaped(seed, i);
  },
  padding: (seed, i, token) => (isPadding('padding', token) ? Number.NaN : bellShaped(seed, i)),
};

/** From −4 to 4, a float32 exactly: a sum of four draws of 22 bits, with a standard deviation of 1.15. */
function bellShaped(seed, i) {
  let sum = -(2 ** 23);
  for (let n = 0; n < 4; n++) sum += draw(seed, i, n) >>> 10;
  return sum * 2 ** -21;
}

/** The n-th of five draws of 32 bits for element i. */
function draw(seed, i, n) {
  return mix(mix(seed + 1) + 5 * i + n);
}

/** The finaliser of MurmurHash3. */
function mix(bits) {
  let h = bits >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
