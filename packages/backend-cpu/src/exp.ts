/*
 * exp(x) for x ≤ 0, in float64, to 4e-8: several times as fast as Math.exp. With x = (64·a + b)·ln2/64 + r and
 * |r| ≤ ln2/128, exp(x) = 2^a · 2^(b/64) · (1 + r + r²/2).
 */

const STEPS = 64;
const PER_STEP = STEPS / Math.LN2;
const STEP = Math.LN2 / STEPS;
/** Below this exp(x) is under 1e-43, which counts as 0 beside a sum of at least 1. */
const LOWEST = -100;
/** Makes table indices positive; a multiple of STEPS. */
const OFFSET = STEPS * Math.ceil((-LOWEST * PER_STEP + 1) / STEPS);

const FRACTIONS = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
const POWERS = Float64Array.from({ length: OFFSET / STEPS + 1 }, (_, i) => 2 ** (i - OFFSET / STEPS));

export function expNonPositive(x: number): number {
  if (x < LOWEST) return 0;
  // Truncation rounds to nearest, because the operand is positive.
  const n = (x * PER_STEP + (OFFSET + 0.5)) | 0;
  const r = x - (n - OFFSET) * STEP;
  return POWERS[n >> 6] * FRACTIONS[n & 63] * (1 + r * (1 + 0.5 * r));
}
