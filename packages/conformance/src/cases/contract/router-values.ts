import { checkCall } from '../../checks.js';
import type { ConformanceCase } from '../conformance-case.js';
import { FLT_MAX, Random } from '../data.js';
import { type ExampleSpec, exampleCall } from '../example-call.js';
import { LOGITS } from '../logits.js';
import { PLAIN, type RouterFields, routerSpec, useful } from '../routers.js';

interface Edge {
  readonly name: string;
  readonly fields: Partial<RouterFields>;
  readonly spec?: Partial<ExampleSpec>;
  readonly draws?: ExampleSpec['draws'];
}

const INF = Number.POSITIVE_INFINITY;
const NORMAL = LOGITS.normal;
const GROUPS = { nGroup: 4, topkGroup: 2, groupScoreFunc: 'top2_sum' } as const;
const SCORED = ['softmax', 'sigmoid', 'sqrtsoftplus', 'none'] as const;

/** Where the last bit of a score decides the choice. */
const BIASES: Edge[] = [
  // Sums near 34.5 are multiples of 2^-18, so that near scores are equal; near 1e30 all are.
  biased(
    'near-34',
    'sigmoid',
    (random) => 34.5 + random.pick([-0.14, 0, 0.14]),
    (r) => 9 + 4 * r.uniform(),
  ),
  biased(
    'near-34',
    'softmax',
    () => 34.5,
    (random) => random.normal() / 1000,
  ),
  biased(
    'near-34',
    'sqrtsoftplus',
    (r) => 34.5 + r.pick([0, 0.14]),
    (r) => r.normal() / 1e4,
  ),
  // Scores a few units in the last place apart, in another order than near scores have.
  biased(
    'close',
    'sigmoid',
    () => 0,
    (random) => 2 + random.uniform() / 1e4,
  ),
  // Here only some are, so that the others need not be looked at again.
  biased(
    'some-close',
    'sigmoid',
    () => 0,
    (random) => 2 + random.uniform() / 300,
  ),
  biased(
    'close',
    'sqrtsoftplus',
    () => 0,
    (random) => 2 + random.uniform() / 1e4,
  ),
  biased('1e30', 'sigmoid', () => 1e30),
  biased('largest', 'none', (random) => random.pick([FLT_MAX, -FLT_MAX, 1])),
  biased('special', 'sigmoid', (random) => random.pick([Number.NaN, INF, -INF, 0, -0, 2 ** -149])),
  biased('cancelling', 'sigmoid', (random) => -random.pick([0.5, 0.25, 1])),
  // Without a bias, logits would tell these apart.
  biased('zero', 'sigmoid', () => 0, LOGITS.wide),
  biased('zero', 'softmax', () => -0, LOGITS.wide),
  biased(
    'zero',
    'sqrtsoftplus',
    () => 0,
    (random) => -170 - 40 * random.uniform(),
  ),
];

const EDGES: Edge[] = [
  ...BIASES,
  ...SCORED.flatMap((scoringFunc) => [
    edge('all-negative', { scoringFunc, normTopkProb: true }, (random) => -84 - 20 * random.uniform()),
    sized('all-scores', { scoringFunc }, { tokens: 64, numExperts: 64, topK: 64 }),
    edge('saturated', { scoringFunc, normTopkProb: true }, (random) => 16 + 3 * random.uniform()),
    edge('all-masked', { scoringFunc, ...GROUPS }, () => -INF),
    edge('all-equal', { scoringFunc, ...GROUPS, bias: true }, () => 1, { eScoreCorrectionBias: () => 0.5 }),
    edge('sums-of-zero', { scoringFunc, normTopkProb: true, routedScalingFactor: -2 }, (random) =>
      random.pick([-INF, -300, 300]),
    ),
    sized('t=0', { scoringFunc, bias: true, expertCapacity: 2 }, { tokens: 0 }),
    sized(
      'e=8192',
      { scoringFunc, bias: true, ...GROUPS, nGroup: 8 },
      { tokens: 2, numExperts: 8192, topK: 8 },
    ),
  ]),
  ...(['max', 'top2_sum'] as const).flatMap((groupScoreFunc) => [
    edge('groups-tie', { nGroup: 6, topkGroup: 3, groupScoreFunc, scoringFunc: 'none' }, LOGITS.ties),
    edge('groups-of-one', { nGroup: 12, topkGroup: 5, groupScoreFunc, scoringFunc: 'sigmoid' }, LOGITS.ties),
    edge(
      'all-that-is-kept',
      { nGroup: 6, topkGroup: 2, groupScoreFunc, bias: true },
      LOGITS.wide,
      {},
      { topK: 4 },
    ),
    edge('groups-overflow', { nGroup: 4, topkGroup: 2, groupScoreFunc, scoringFunc: 'none' }, LOGITS.special),
  ]),
  sized(
    'many-small-groups',
    { scoringFunc: 'sigmoid', bias: true, ...GROUPS, nGroup: 64, topkGroup: 7 },
    { numExperts: 256, topK: 8 },
  ),
  // Groups of more experts than a lane of a GPU holds in order.
  sized(
    'wide-groups',
    { scoringFunc: 'sigmoid', bias: true, ...GROUPS, nGroup: 8, topkGroup: 4 },
    { tokens: 200, numExperts: 512, topK: 8 },
  ),
  // More groups than a workgroup of a GPU has threads.
  ...(['max', 'top2_sum'] as const).map((groupScoreFunc) =>
    sized(
      'more-groups-than-threads',
      { scoringFunc: 'sigmoid', bias: true, nGroup: 1024, topkGroup: 700, groupScoreFunc },
      { tokens: 3, numExperts: 2048, topK: 8 },
    ),
  ),
  // More rows than small bindings have weights for, or grids workgroups.
  sized(
    'weights-of-many-rows',
    { applyRouterWeightOnInput: true },
    { tokens: 20_000, hidden: 1, numExperts: 4, topK: 2 },
  ),
  edge('sums-of-zero-masked', { scoringFunc: 'none', routedScalingFactor: -2, tokenMask: true }, NORMAL),
  edge('eps-swallows', { scoringFunc: 'sigmoid', normTopkProb: true, normEps: 1e30 }, NORMAL),
  edge(
    'eps-is-lost',
    { scoringFunc: 'sigmoid', normTopkProb: true, normEps: 1e-20 },
    (r) => -40 - r.below(60),
  ),
  edge('sum-overflows', { scoringFunc: 'none', normTopkProb: true }, (r) => FLT_MAX * r.uniform()),
  edge('sum-cancels', { scoringFunc: 'none', normTopkProb: true }, (r) => r.pick([1, -1, 0.5])),
  edge('factor-0', { routedScalingFactor: 0, zeroExperts: 2, zeroExpertKind: 'skip' }, NORMAL),
  edge('factor-overflows', { scoringFunc: 'none', routedScalingFactor: 3e38, globalScale: true }, NORMAL),
  edge('factors-special', { perExpertScale: true, globalScale: true, routedScalingFactor: -0.5 }, NORMAL, {
    perExpertScale: (random) => random.pick([Number.NaN, INF, 0, -0, 2 ** -149, 1]),
  }),
  edge('shared-special', { scoringFunc: 'sigmoid', normTopkProb: true, sharedExperts: 3 }, NORMAL, {
    sharedLogits: LOGITS.special,
  }),
  edge('mask-of-all', { tokenMask: true, expertCapacity: 2 }, NORMAL, { tokenMask: () => 0 }),
  edge('mask-of-any-byte', { tokenMask: true, normTopkProb: true }, NORMAL, {
    tokenMask: (r) => r.below(3) * 128,
  }),
  edge('given-twice', { selection: 'given', expertCapacity: 3, normTopkProb: true }, NORMAL, {
    expertIds: (r) => r.below(3) - 1,
  }),
  edge('given-nowhere', { selection: 'given', normTopkProb: true, normEps: 1 }, NORMAL, {
    expertIds: () => -1,
  }),
  edge('all-but-one-are-zero', { zeroExperts: 11, zeroExpertKind: 'identity', normTopkProb: true }, NORMAL),
  edge(
    'capacity-of-zero-experts',
    { zeroExperts: 6, zeroExpertKind: 'skip', expertCapacity: 3 },
    LOGITS.ties,
  ),
  ...Object.entries({ none: 0, 'one-percent': 0.01, half: 0.5, huge: 1e38 }).flatMap(([name, jitterEps]) => {
    const mixed = (kind: string, gatingOutput: (random: Random) => number) =>
      edge(`sparsemixer,jitter=${name},${kind}`, { selection: 'sparsemixer', jitterEps }, gatingOutput);
    return [
      mixed('normal', LOGITS.normal),
      mixed('ties', LOGITS.ties),
      mixed('negative', (random) => -5 - random.uniform()),
      mixed('special', LOGITS.special),
    ];
  }),
  ...(['position', 'probs'] as const).flatMap((dropPolicy) => [
    sized(`crowd-${dropPolicy}`, { expertCapacity: 40, dropPolicy, normTopkProb: true }, { tokens: 700 }),
    edge(`capacity-1-${dropPolicy}`, { expertCapacity: 1, dropPolicy, scoringFunc: 'sigmoid' }, LOGITS.ties),
    edge(`capacity-mask-${dropPolicy}`, { expertCapacity: 3, dropPolicy, tokenMask: true }, LOGITS.special),
  ]),
];

/** Values of logits, biases and factors that routers could get wrong. */
export function routerValueCases(): ConformanceCase[] {
  return EDGES.map(({ name, fields, spec, draws }) => {
    const id = `generated/router-values/${name}`;
    return {
      id,
      run: async (session) => {
        session.requireExactRouting();
        const base: ExampleSpec = {
          tokens: 31,
          hidden: 3,
          numExperts: 12,
          topK: 3,
          dtype: 'float32',
          ...spec,
        };
        const whole = routerSpec(useful({ ...PLAIN, ...fields }), { ...base, ...(draws ? { draws } : {}) });
        await checkCall(session, 'moeDispatch', exampleCall('moeDispatch', whole, new Random(id)));
      },
    };
  });
}

function biased(
  name: string,
  scoringFunc: RouterFields['scoringFunc'],
  bias: (random: Random) => number,
  gatingOutput = NORMAL,
): Edge {
  return {
    name: `bias=${name},${scoringFunc}`,
    fields: { scoringFunc, bias: true },
    draws: { gatingOutput, eScoreCorrectionBias: bias },
    spec: { tokens: 200, numExperts: 64, topK: 6 },
  };
}

function edge(
  name: string,
  fields: Partial<RouterFields>,
  gatingOutput: (random: Random) => number,
  draws: ExampleSpec['draws'] = {},
  spec: Partial<ExampleSpec> = {},
): Edge {
  const details = [fields.scoringFunc, fields.groupScoreFunc].filter((detail) => detail !== undefined);
  return { name: [name, ...details].join(','), fields, draws: { gatingOutput, ...draws }, spec };
}

function sized(name: string, fields: Partial<RouterFields>, spec: Partial<ExampleSpec>): Edge {
  return edge(name, fields, NORMAL, {}, spec);
}
