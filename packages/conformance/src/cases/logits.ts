import { FLT_MAX, type Random } from './data.js';

const SPECIAL = [Number.NaN, Infinity, -Infinity, FLT_MAX, -FLT_MAX, 0, -0, 2 ** -149, -(2 ** -149)];
/** Where sigmoids are 1, or 0, or subnormal; where one more unit in the last place would tell. */
const SATURATED = [17.5, 16.6, 40, 88, -17.5, -40, -88, -103.5, -120];

/** Kinds of logits that routers have to keep apart. */
export const LOGITS: { readonly [kind: string]: (random: Random) => number } = {
  normal: (random) => 2 * random.normal(),
  ties: (random) => random.below(4) - 2,
  wide: (random) => (random.below(3) === 0 ? random.pick(SATURATED) : 30 * random.normal()),
  special: (random) => (random.below(3) === 0 ? random.normal() : random.pick(SPECIAL)),
};
