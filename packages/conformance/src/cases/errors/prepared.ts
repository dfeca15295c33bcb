import { type DispatchTensors, prepare, prepareDispatch, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { dispatchOut } from '../outputs.js';
import { prepareWith } from '../prepare.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';
import { badOptions } from './options.js';

const SIZES = { tokens: 4, hidden: 3, numExperts: 6, dtype: 'float32' } as const;

export function preparedErrors(): ConformanceCase[] {
  return [
    ...prepareCalls().map((call) => errorCase('prepareDispatch', call, 'moeDispatch')),
    ...[...runCalls(), ...ownCalls()].map((call) => errorCase('PreparedDispatch.run', call, 'moeDispatch')),
    ...reduceCalls().map((call) => errorCase('prepare', call, 'moeReduce')),
  ];
}

function prepareDispatchWith(session: Session, options: unknown) {
  return prepareWith(session, 'moeDispatch', options);
}

/** `prepare` of another operation. */
function reduceCalls(): BadCall[] {
  const valid = { tokens: 4, hidden: 3, moeTopk: 2, dtype: 'float32' };
  const bad: [string, BadCall['code'], string, object][] = [
    ['moeReduce-topk-zero', 'INVALID_TOP_K', 'moeTopk', { moeTopk: 0 }],
    ['moeReduce-dtype-not-float', 'UNSUPPORTED_DTYPE', 'dtype', { dtype: 'int32' }],
    ['moeReduce-snake-case', 'INVALID_ARGUMENT', 'options.norm_topk_prob', { norm_topk_prob: true }],
    ['moeReduce-option-of-moeDispatch', 'INVALID_ARGUMENT', 'options.groupMoe', { groupMoe: true }],
    ['moeReduce-factor', 'INVALID_ARGUMENT', 'routedScalingFactor', { routedScalingFactor: 1e39 }],
  ];
  return [
    ...bad.map(([name, code, argument, options]) => ({
      name,
      code,
      argument,
      call: (session: Session) => prepareWith(session, 'moeReduce', { ...valid, ...options }),
    })),
    {
      name: 'unknown-operation',
      code: 'INVALID_ARGUMENT',
      argument: 'operation',
      call: (session) => prepare(session.backend, 'toString' as never, {} as never),
    },
  ];
}

function prepareCalls(): BadCall[] {
  const bad: [string, BadCall['code'], string, object][] = [
    ['tokens-negative', 'INVALID_ARGUMENT', 'tokens', { tokens: -1 }],
    ['tokens-fraction', 'INVALID_ARGUMENT', 'tokens', { tokens: 1.5 }],
    ['tokens-missing', 'INVALID_ARGUMENT', 'tokens', { tokens: undefined }],
    ['hidden-negative', 'INVALID_ARGUMENT', 'hidden', { hidden: -2 }],
    ['experts-zero', 'INVALID_ARGUMENT', 'numExperts', { numExperts: 0 }],
    ['dtype-unknown', 'UNSUPPORTED_DTYPE', 'dtype', { dtype: 'float64' }],
    ['dtype-inherited-name', 'UNSUPPORTED_DTYPE', 'dtype', { dtype: 'constructor' }],
    ['too-many-rows', 'TOO_MANY_ROWS', 'moeTopk', { tokens: 2 ** 30, hidden: 0 }],
    ['too-many-rows-by-far', 'TOO_MANY_ROWS', 'moeTopk', { tokens: 2 ** 40, hidden: 0 }],
  ];
  return [
    ...bad.map(([name, code, argument, options]) => ({
      name,
      code,
      argument,
      call: (session: Session) => prepareDispatchWith(session, { ...SIZES, moeTopk: 2, ...options }),
    })),
    ...badOptions((session, options) =>
      prepareDispatchWith(session, options === null ? null : { ...SIZES, ...(options as object) }),
    ),
    {
      name: 'not-a-backend',
      code: 'INVALID_ARGUMENT',
      argument: 'backend',
      call: () => prepareDispatch({} as never, { ...SIZES, moeTopk: 2 }),
    },
  ];
}

/** run() of a prepared dispatch with some arguments replaced. */
function run(session: Session, replaced: { x?: unknown; gating?: unknown; out?: unknown }): void {
  const { x = ones(session, 4, 3), gating = ones(session, 4, 6), out = outputs(session) } = replaced;
  prepareDispatchWith(session, { ...SIZES, moeTopk: 2 }).run(x as never, gating as never, out as never);
}

function outputs(session: Session, topK = 2): DispatchTensors<Tensor> {
  return dispatchOut(session, { ...SIZES, topK });
}

function runCalls(): BadCall[] {
  const bad: [string, BadCall['code'], string, (session: Session) => unknown][] = [
    ['x-not-a-tensor', 'INVALID_ARGUMENT', 'x', (s) => run(s, { x: 1 })],
    ['x-disposed', 'TENSOR_DISPOSED', 'x', (s) => run(s, { x: disposed(ones(s, 4, 3)) })],
    ['x-another-backend', 'WRONG_BACKEND', 'x', (s) => run(s, { x: foreign(s, ones(s, 4, 3)) })],
    ['x-wrong-dtype', 'UNSUPPORTED_DTYPE', 'x', (s) => run(s, { x: zeros(s, 'int32', 4, 3) })],
    ['x-wrong-width', 'INVALID_SHAPE', 'x', (s) => run(s, { x: ones(s, 4, 4) })],
    [
      'x-wrong-tokens',
      'TOKEN_COUNT_MISMATCH',
      'x',
      (s) => run(s, { x: ones(s, 5, 3), gating: ones(s, 5, 6) }),
    ],
    [
      'gating-disposed',
      'TENSOR_DISPOSED',
      'gatingOutput',
      (s) => run(s, { gating: disposed(ones(s, 4, 6)) }),
    ],
    [
      'gating-not-float32',
      'UNSUPPORTED_DTYPE',
      'gatingOutput',
      (s) => run(s, { gating: zeros(s, 'int32', 4, 6) }),
    ],
    ['gating-wrong-tokens', 'TOKEN_COUNT_MISMATCH', 'gatingOutput', (s) => run(s, { gating: ones(s, 3, 6) })],
    ['gating-wrong-experts', 'INVALID_SHAPE', 'gatingOutput', (s) => run(s, { gating: ones(s, 4, 8) })],
    ['out-missing', 'INVALID_ARGUMENT', 'out', (s) => run(s, { out: null })],
    ['out-incomplete', 'INVALID_ARGUMENT', 'out.permuteInput', (s) => run(s, { out: {} })],
    [
      'out-wrong-shape',
      'INVALID_SHAPE',
      'out.topKIndices',
      (s) => run(s, { out: { ...outputs(s), topKIndices: zeros(s, 'int32', 4, 3) } }),
    ],
    [
      'out-wrong-dtype',
      'UNSUPPORTED_DTYPE',
      'out.permuteInput',
      (s) => run(s, { out: { ...outputs(s), permuteInput: zeros(s, 'int32', 8, 3) } }),
    ],
  ];
  return bad.map(([name, code, argument, call]) => ({ name, code, argument, call }));
}

/** Runs that need a prepared dispatch of their own. */
function ownCalls(): BadCall[] {
  return [
    {
      name: 'out-overlaps-x',
      code: 'BUFFER_OVERLAP',
      argument: 'out.permuteInput',
      call: (session) => {
        const x = ones(session, 4, 3);
        const prepared = prepareDispatchWith(session, { ...SIZES, moeTopk: 1 });
        prepared.run(x, ones(session, 4, 6), { ...outputs(session, 1), permuteInput: x });
      },
    },
    {
      name: 'disposed',
      code: 'PREPARED_DISPOSED',
      argument: 'this',
      call: (session) => {
        const prepared = prepareDispatchWith(session, { ...SIZES, moeTopk: 2 });
        prepared.dispose();
        prepared.dispose();
        prepared.run(ones(session, 4, 3), ones(session, 4, 6), outputs(session));
      },
    },
  ];
}
