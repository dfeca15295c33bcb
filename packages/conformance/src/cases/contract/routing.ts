import type { ConformanceCase } from '../conformance-case.js';
import { drawn, FLT_MAX, fromBits, MODES, type Random, randomRows } from '../data.js';
import { dispatchCase } from './dispatch-case.js';

type Draw = (random: Random, token: number) => number;

interface Gating {
  readonly name: string;
  readonly tokens: number;
  readonly numExperts: number;
  readonly moeTopk: number;
  readonly draw: Draw;
}

const TIES: readonly Gating[] = [
  { name: 'two-values', tokens: 33, numExperts: 16, moeTopk: 4, draw: (random) => random.below(2) },
  { name: 'all-equal', tokens: 40, numExperts: 64, moeTopk: 8, draw: (_, token) => token / 8 },
  { name: 'small-integers', tokens: 65, numExperts: 48, moeTopk: 6, draw: (random) => random.below(4) - 2 },
  { name: 'both-zeros', tokens: 32, numExperts: 12, moeTopk: 3, draw: (random) => random.pick([0, -0]) },
  {
    name: 'last-bit',
    tokens: 32,
    numExperts: 32,
    moeTopk: 4,
    draw: (random) => 1 + random.below(3) * 2 ** -23,
  },
  { name: 'odd-experts', tokens: 24, numExperts: 7, moeTopk: 7, draw: (random) => random.below(3) },
  { name: 'past-a-warp', tokens: 17, numExperts: 260, moeTopk: 4, draw: (random) => -random.below(3) },
];

const NANS = [0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fbfffff, 0x7fffffff, 0xffffffff];
const INF = Number.POSITIVE_INFINITY;
/** The first three count as −FLT_MAX, the last two as +FLT_MAX. */
const CLAMPED = [Number.NaN, -INF, -FLT_MAX, FLT_MAX, INF];

const SPECIAL: readonly Omit<Gating, 'tokens' | 'numExperts' | 'moeTopk'>[] = [
  { name: 'infinities', draw: (random) => random.pick([INF, -INF, random.normal(), random.normal()]) },
  { name: 'all-nan', draw: () => Number.NaN },
  { name: 'all-masked', draw: () => -INF },
  { name: 'masked-rows', draw: (random, token) => (random.below(12) < token / 2 ? -INF : random.normal()) },
  { name: 'clamped', draw: (random) => random.pick(CLAMPED) },
  { name: 'below-the-clamp', draw: (random) => random.pick([-INF, -FLT_MAX, -3.4028232635611926e38]) },
  { name: 'subnormals', draw: (random) => (random.below(9) - 4) * 2 ** -149 },
  { name: 'around-min-normal', draw: (random) => 2 ** -126 + (random.below(5) - 2) * 2 ** -149 },
  { name: 'negative-subnormals', draw: (random) => -random.below(5) * 2 ** -149 },
  { name: 'huge-values', draw: (random) => (random.uniform() - 0.5) * 2 * FLT_MAX },
  { name: 'underflow', draw: (random) => -100 * random.below(40) },
  { name: 'below-minus-one', draw: (random) => -1.5 - random.below(64) / 8 },
  { name: 'large-offset', draw: (random) => 1e4 + random.below(8192) / 1024 },
  { name: 'large-last-bit', draw: (random) => 2 ** 100 * (1 + random.below(4) * 2 ** -23) },
];

/** Ties, and every value that semantics.md treats specially, in each way to route. */
export function routingCases(): ConformanceCase[] {
  return MODES.flatMap(({ name: modeName, mode }) => {
    const routed = (group: string, spec: Gating) =>
      dispatchCase(`${group}/${spec.name},${modeName}`, (random) => ({
        x: randomRows(random, 'float32', [spec.tokens, 2]),
        gatingOutput: drawGating(random, spec),
        moeTopk: spec.moeTopk,
        ...mode,
      }));
    const nanBits = dispatchCase(`special/nan-bits,${modeName}`, (random) => ({
      x: randomRows(random, 'float32', [24, 2]),
      gatingOutput: fromBits([24, 12], () => (random.below(3) === 0 ? random.pick(NANS) : random.bits())),
      moeTopk: 3,
      ...mode,
    }));
    const special = SPECIAL.map((spec) => ({ ...spec, tokens: 24, numExperts: 12, moeTopk: 3 }));
    return [
      ...TIES.map((spec) => routed('ties', spec)),
      ...special.map((spec) => routed('special', spec)),
      nanBits,
    ];
  });
}

function drawGating(random: Random, { tokens, numExperts, draw }: Gating) {
  return drawn('float32', [tokens, numExperts], (i) => draw(random, Math.floor(i / numExperts)));
}
