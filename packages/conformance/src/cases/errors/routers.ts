import { moeDispatch, moeReduce, planDispatch, type RouterTensorName, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { prepareWith } from '../prepare.js';
import { BAD_ROUTERS, router } from './bad-routers.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';

const SIZES = { tokens: 4, hidden: 3, numExperts: 6, dtype: 'float32' } as const;

/** A router in which each tensor has a use. */
const BESIDE = router({ scoringFunc: 'sigmoid', normTopkProb: true });

/** Routers and their tensors, in a call and in what is prepared. */
export function routerErrors(): ConformanceCase[] {
  return [
    ...BAD_ROUTERS.map(([name, code, argument, options, tensors = []]) => {
      const call = (session: Session) => {
        requireTopK(session, options);
        dispatch(session, { ...options, ...valid(session, tensors) });
      };
      return errorCase('routers', { name, code, argument, call }, 'moeDispatch');
    }),
    ...BAD_ROUTERS.map(([name, code, argument, options, tensors = []]) => {
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
  const noSharedExperts: BadCall = {
    name: 'sharedLogits-of-none',
    code: 'INVALID_SHAPE',
    argument: 'sharedLogits',
    call: (session) =>
      dispatch(session, { ...BESIDE, sharedLogits: session.keep(session.backend.empty([4, 0], 'float32')) }),
  };
  const tensors = (Object.keys(TENSORS) as RouterTensorName[]).flatMap((name) => {
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
  return [...tensors, noSharedExperts];
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
      name: 'prepared-without-shared-logits',
      code: 'INVALID_ARGUMENT',
      argument: 'sharedLogits',
      call: (session) => run(session, ['sharedLogits'], []),
    },
    {
      name: 'prepared-shared-experts-without-logits',
      code: 'INVALID_ARGUMENT',
      argument: 'sharedExperts',
      call: (session) => prepareWith(session, 'moeDispatch', { ...SIZES, ...BESIDE, sharedExperts: 2 }),
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
