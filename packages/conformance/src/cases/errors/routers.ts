import { moeDispatch, moeReduce, planDispatch, type RouterTensorName, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { prepareWith } from '../prepare.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';

/** A router of 6 experts that cannot be had, and the tensors beside it. */
type BadRouter = readonly [
  name: string,
  code: BadCall['code'],
  argument: string,
  options: object,
  tensors?: readonly RouterTensorName[],
];

const SIZES = { tokens: 4, hidden: 3, numExperts: 6, dtype: 'float32' } as const;
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
const BAD_ROUTERS: readonly BadRouter[] = [
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

function router(options: object): object {
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

/** Routers and their tensors, in a call and in what is prepared. */
export function routerErrors(): ConformanceCase[] {
  const all = [...BAD_VALUES, ...BAD_ROUTERS, ...USELESS, ...USELESS_TENSORS];
  return [
    ...all.map(([name, code, argument, options, tensors = []]) => {
      const call = (session: Session) => {
        requireTopK(session, options);
        dispatch(session, { ...options, ...valid(session, tensors) });
      };
      return errorCase('routers', { name, code, argument, call }, 'moeDispatch');
    }),
    ...all.map(([name, code, argument, options, tensors = []]) => {
      const call = (session: Session) => {
        requireTopK(session, options);
        prepareWith(session, 'moeDispatch', { ...SIZES, ...options, tensors, ...shared(tensors) });
      };
      return errorCase('routers', { name: `prepared-${name}`, code, argument, call }, 'moeDispatch');
    }),
    ...tensorErrors().map((call) => errorCase('routers', call, 'moeDispatch')),
    ...preparedErrors().map((call) => errorCase('routers', call, 'moeDispatch')),
    ...weighedErrors().map((call) => errorCase('routers', call, 'moeDispatch', 'moeReduce')),
    ...planErrors().map((call) => errorCase('routers', call, 'planDispatch')),
  ];
}

/** More than the backend takes would be refused for that. */
function requireTopK(session: Session, { router }: { router?: { topK?: number } }): void {
  const { topK = 0 } = router ?? {};
  if (topK <= 6) session.requireSizes({ numExperts: 6, topK });
}

function dispatch(session: Session, options: object, x = ones(session, 4, 3)): void {
  session.keep(moeDispatch(x, ones(session, 4, 6), options as never));
}

const TENSORS: { readonly [Name in RouterTensorName]: (session: Session) => Tensor } = {
  eScoreCorrectionBias: (session) => ones(session, 6),
  perExpertScale: (session) => ones(session, 6),
  globalScale: (session) => ones(session, 1),
  sharedLogits: (session) => ones(session, 4, 2),
  expertIds: (session) => zeros(session, 'int32', 4, 2),
  tokenMask: (session) => zeros(session, 'uint8', 4),
};

/** A router in which each tensor has a use. */
const BESIDE = router({ ...SIGMOID, ...NORM });

function valid(
  session: Session,
  names: readonly RouterTensorName[],
): { [Name in RouterTensorName]?: Tensor } {
  return Object.fromEntries(names.map((name) => [name, TENSORS[name](session)]));
}

function shared(names: readonly RouterTensorName[]): object {
  return names.includes('sharedLogits') ? { sharedExperts: 2 } : {};
}

/** Each tensor with everything that can be wrong with one. */
function tensorErrors(): BadCall[] {
  const wrongShapes: { readonly [Name in RouterTensorName]: readonly number[] } = {
    eScoreCorrectionBias: [7],
    perExpertScale: [6, 1],
    globalScale: [2],
    sharedLogits: [3, 2],
    expertIds: [4, 3],
    tokenMask: [4, 1],
  };
  return (Object.keys(TENSORS) as RouterTensorName[]).flatMap((name) => {
    const bad: [string, BadCall['code'], (session: Session) => unknown][] = [
      ['not-a-tensor', 'INVALID_ARGUMENT', () => new Float32Array(6)],
      ['disposed', 'TENSOR_DISPOSED', (session) => disposed(TENSORS[name](session))],
      ['another-backend', 'WRONG_BACKEND', (session) => foreign(session, TENSORS[name](session))],
      [
        'wrong-dtype',
        'UNSUPPORTED_DTYPE',
        (session) => zeros(session, 'int64', ...TENSORS[name](session).shape),
      ],
      [
        'wrong-shape',
        'INVALID_SHAPE',
        (session) => zeros(session, TENSORS[name](session).dtype, ...wrongShapes[name]),
      ],
    ];
    return bad.map(([problem, code, tensor]) => ({
      name: `${name}-${problem}`,
      code,
      argument: name,
      call: (session: Session) => dispatch(session, { ...BESIDE, [name]: tensor(session) }),
    }));
  });
}

/** Runs without a tensor that they were prepared for, or with another one. */
function preparedErrors(): BadCall[] {
  const run = (
    session: Session,
    tensors: readonly RouterTensorName[],
    given: readonly RouterTensorName[],
  ) => {
    const prepared = prepareWith(session, 'moeDispatch', {
      ...SIZES,
      ...BESIDE,
      tensors,
      ...shared(tensors),
    });
    const out = session.keep(prepared.outputs());
    prepared.run(ones(session, 4, 3), ones(session, 4, 6), out as never, valid(session, given));
  };
  return [
    {
      name: 'prepared-without-a-tensor',
      code: 'INVALID_ARGUMENT',
      argument: 'perExpertScale',
      call: (session) => run(session, ['perExpertScale', 'tokenMask'], ['tokenMask']),
    },
    {
      name: 'prepared-with-another-tensor',
      code: 'INVALID_ARGUMENT',
      argument: 'globalScale',
      call: (session) => run(session, ['tokenMask'], ['tokenMask', 'globalScale']),
    },
    {
      name: 'prepared-for-an-unknown-tensor',
      code: 'INVALID_ARGUMENT',
      argument: 'tensors',
      call: (session) => prepareWith(session, 'moeDispatch', { ...SIZES, ...BESIDE, tensors: ['x'] }),
    },
    {
      name: 'prepared-gating-dtype',
      code: 'UNSUPPORTED_DTYPE',
      argument: 'gatingDtype',
      call: (session) => prepareWith(session, 'moeDispatch', { ...SIZES, ...BESIDE, gatingDtype: 'int32' }),
    },
  ];
}

function weighedErrors(): BadCall[] {
  const weighed = router({ applyRouterWeightOnInput: true });
  return [
    {
      name: 'weight-on-integers',
      code: 'UNSUPPORTED_DTYPE',
      argument: 'x',
      call: (session) => dispatch(session, weighed, zeros(session, 'int32', 4, 3)),
    },
    {
      name: 'weight-on-input-and-norm',
      code: 'INVALID_ROUTER',
      argument: 'normTopkProb',
      call: (session) => {
        const sent = session.keep(moeDispatch(ones(session, 4, 3), ones(session, 4, 6), { moeTopk: 2 }));
        moeReduce(sent.permuteInput, sent, { normTopkProb: true, applyRouterWeightOnInput: true });
      },
    },
    {
      name: 'identity-x-wrong-shape',
      code: 'INVALID_SHAPE',
      argument: 'x',
      call: (session) => {
        const sent = session.keep(moeDispatch(ones(session, 4, 3), ones(session, 4, 6), { moeTopk: 2 }));
        moeReduce(sent.permuteInput, sent, { x: ones(session, 3, 3) });
      },
    },
  ];
}

function planErrors(): BadCall[] {
  const bad: [string, unknown][] = [
    ['negative', -1],
    ['fraction', 0.5],
    ['all', 6],
  ];
  return bad.map(([name, zeroExperts]) => ({
    name: `plan-zero-experts-${name}`,
    code: 'INVALID_ARGUMENT',
    argument: 'zeroExperts',
    call: (session) => {
      const options = { zeroExperts } as { zeroExperts: number };
      session.keep(planDispatch(zeros(session, 'int32', 4, 2), 6, options));
    },
  }));
}
