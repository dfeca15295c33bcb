import type { RouterTensorName } from '@moe-dispatch/core';
import type { BadCall } from './error-case.js';

/** A router of 6 experts that cannot be had, and the tensors beside it. */
export type BadRouter = readonly [
  name: string,
  code: BadCall['code'],
  argument: string,
  options: object,
  tensors?: readonly RouterTensorName[],
];

const NORM = { normTopkProb: true };
const SIGMOID = { scoringFunc: 'sigmoid' };
const GROUPS = { nGroup: 3, topkGroup: 2, groupScoreFunc: 'max' };
const MIXER = { selection: 'sparsemixer' };
const IDENTITY = { zeroExperts: { count: 2, kind: 'identity' } };

/** Values that no option takes. */
const BAD_VALUES: readonly BadRouter[] = [
  ['not-an-object', 'INVALID_ARGUMENT', 'router', { router: 'softmax' }],
  ['unknown-option', 'INVALID_ARGUMENT', 'router.n_group', router({ n_group: 2 })],
  ['unknown-zero-option', 'INVALID_ARGUMENT', 'router.zeroExperts.n', router({ zeroExperts: { n: 1 } })],
  ['scoring-unknown', 'INVALID_ARGUMENT', 'router.scoringFunc', router({ scoringFunc: 'relu' })],
  ['scoring-inherited', 'INVALID_ARGUMENT', 'router.scoringFunc', router({ scoringFunc: 'toString' })],
  ['groups-fraction', 'INVALID_ARGUMENT', 'router.nGroup', router({ nGroup: 1.5 })],
  ['groups-zero', 'INVALID_ARGUMENT', 'router.nGroup', router({ nGroup: 0 })],
  ['kept-zero', 'INVALID_ARGUMENT', 'router.topkGroup', router({ ...GROUPS, topkGroup: 0 })],
  [
    'group-score-unknown',
    'INVALID_ARGUMENT',
    'router.groupScoreFunc',
    router({ ...GROUPS, groupScoreFunc: 'sum' }),
  ],
  ['norm-not-boolean', 'INVALID_ARGUMENT', 'router.normTopkProb', router({ normTopkProb: 1 })],
  ['eps-infinite', 'INVALID_ARGUMENT', 'router.normEps', router({ ...NORM, normEps: 1e39 })],
  [
    'factor-nan',
    'INVALID_ARGUMENT',
    'router.routedScalingFactor',
    router({ routedScalingFactor: Number.NaN }),
  ],
  ['factor-text', 'INVALID_ARGUMENT', 'router.routedScalingFactor', router({ routedScalingFactor: '2' })],
  ['jitter-negative', 'INVALID_ARGUMENT', 'router.jitterEps', router({ ...MIXER, jitterEps: -0.01 })],
  ['jitter-infinite', 'INVALID_ARGUMENT', 'router.jitterEps', router({ ...MIXER, jitterEps: 1e39 })],
  ['capacity-zero', 'INVALID_ARGUMENT', 'router.expertCapacity', router({ expertCapacity: 0 })],
  ['capacity-fraction', 'INVALID_ARGUMENT', 'router.expertCapacity', router({ expertCapacity: 2.5 })],
  [
    'policy-unknown',
    'INVALID_ARGUMENT',
    'router.dropPolicy',
    router({ expertCapacity: 1, dropPolicy: 'last' }),
  ],
  ['selection-given', 'INVALID_ARGUMENT', 'router.selection', router({ selection: 'given' })],
  ['selection-of-paddle', 'INVALID_ARGUMENT', 'router.selection', router({ selection: 'one_per_group' })],
  [
    'zero-count',
    'INVALID_ARGUMENT',
    'router.zeroExperts.count',
    router({ zeroExperts: { count: 0, kind: 'skip' } }),
  ],
  [
    'zero-kind',
    'INVALID_ARGUMENT',
    'router.zeroExperts.kind',
    router({ zeroExperts: { count: 1, kind: 'null' } }),
  ],
  ['zero-kind-missing', 'INVALID_ARGUMENT', 'router.zeroExperts.kind', router({ zeroExperts: { count: 1 } })],
];

/** Values that exist, in a router that cannot be had. */
const IMPOSSIBLE: readonly BadRouter[] = [
  ['beside-moeTopk', 'INVALID_ROUTER', 'router', { router: { topK: 2 }, moeTopk: 2 }],
  ['beside-groupMoe', 'INVALID_ROUTER', 'router', { router: { topK: 2 }, groupMoe: true }],
  ['topk-missing', 'INVALID_TOP_K', 'router.topK', { router: {} }],
  ['topk-zero', 'INVALID_TOP_K', 'router.topK', router({ topK: 0 })],
  ['topk-above-experts', 'INVALID_TOP_K', 'router.topK', router({ topK: 7 })],
  ['topk-above-kept', 'INVALID_TOP_K', 'router.topK', router({ ...GROUPS, topK: 5 })],
  ['sparsemixer-topk', 'INVALID_TOP_K', 'router.topK', router({ ...MIXER, topK: 1 })],
  ['not-divisible', 'EXPERTS_NOT_DIVISIBLE', 'router.nGroup', router({ ...GROUPS, nGroup: 4 })],
  ['not-divisible-all-kept', 'EXPERTS_NOT_DIVISIBLE', 'router.nGroup', router({ nGroup: 4 })],
  ['more-kept-than-groups', 'INVALID_ROUTER', 'router.topkGroup', router({ ...GROUPS, topkGroup: 4 })],
  ['kept-without-groups', 'INVALID_ROUTER', 'router.topkGroup', router({ topkGroup: 2 })],
  ['groups-not-ranked', 'INVALID_ROUTER', 'router.groupScoreFunc', router({ nGroup: 3, topkGroup: 1 })],
  [
    'all-zero-experts',
    'INVALID_ROUTER',
    'router.zeroExperts.count',
    router({ zeroExperts: { count: 6, kind: 'skip' } }),
  ],
];

/** Options that have no use beside the others. */
const USELESS: readonly BadRouter[] = [
  ['eps-without-norm', 'INVALID_ROUTER', 'router.normEps', router({ normEps: 1 })],
  ['jitter-without-sparsemixer', 'INVALID_ROUTER', 'router.jitterEps', router({ jitterEps: 0.1 })],
  ['policy-without-capacity', 'INVALID_ROUTER', 'router.dropPolicy', router({ dropPolicy: 'probs' })],
  [
    'before-drop-without-capacity',
    'INVALID_ROUTER',
    'router.normBeforeDrop',
    router({ ...NORM, normBeforeDrop: true }),
  ],
  [
    'before-drop-without-norm',
    'INVALID_ROUTER',
    'router.normBeforeDrop',
    router({ expertCapacity: 2, normBeforeDrop: true }),
  ],
  [
    'weight-on-input-of-identity',
    'INVALID_ROUTER',
    'router.applyRouterWeightOnInput',
    router({ ...IDENTITY, applyRouterWeightOnInput: true }),
  ],
  ...Object.entries({
    ...SIGMOID,
    nGroup: 3,
    ...NORM,
    routedScalingFactor: 2,
    applyRouterWeightOnInput: true,
    expertCapacity: 2,
  }).map(
    ([name, value]): BadRouter => [
      `${name}-with-sparsemixer`,
      'INVALID_ROUTER',
      `router.${name}`,
      router({ ...MIXER, [name]: value }),
    ],
  ),
  [
    'zero-experts-with-sparsemixer',
    'INVALID_ROUTER',
    'router.zeroExperts',
    router({ ...MIXER, ...IDENTITY }),
  ],
];

/** Tensors that have no use beside the router. */
const USELESS_TENSORS: readonly BadRouter[] = [
  uselessTensor('eScoreCorrectionBias', 'sparsemixer', router(MIXER)),
  uselessTensor('eScoreCorrectionBias', 'groupMoe', { moeTopk: 2, groupMoe: true }),
  uselessTensor('eScoreCorrectionBias', 'expertIds', router({}), ['expertIds']),
  uselessTensor('expertIds', 'sparsemixer', router(MIXER)),
  uselessTensor('expertIds', 'groupMoe', { moeTopk: 2, groupMoe: true }),
  uselessTensor('perExpertScale', 'sparsemixer', router(MIXER)),
  uselessTensor('globalScale', 'sparsemixer', router(MIXER)),
  uselessTensor('sharedLogits', 'no-norm', router(SIGMOID)),
  uselessTensor('sharedLogits', 'softmax', router(NORM)),
  ['groups-with-expertIds', 'INVALID_ROUTER', 'router.nGroup', router(GROUPS), ['expertIds']],
];

export function router(options: object): object {
  return { router: { topK: 2, ...options } };
}

function uselessTensor(
  name: RouterTensorName,
  beside: string,
  options: object,
  others: readonly RouterTensorName[] = [],
): BadRouter {
  return [`${name}-with-${beside}`, 'INVALID_ROUTER', name, options, [...others, name]];
}

/** All of them. */
export const BAD_ROUTERS: readonly BadRouter[] = [
  ...BAD_VALUES,
  ...IMPOSSIBLE,
  ...USELESS,
  ...USELESS_TENSORS,
];
