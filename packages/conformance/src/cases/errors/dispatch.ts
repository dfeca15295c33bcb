import { moeDispatch, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { dispatchOut } from '../outputs.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';
import { badOptions } from './options.js';

const SIZES = { tokens: 4, hidden: 3, numExperts: 6, topK: 2, dtype: 'float32' } as const;

interface Arguments {
  x: unknown;
  gating: unknown;
  options: unknown;
}

/** moeDispatch with one argument replaced. */
function dispatch(session: Session, replaced: Partial<Arguments>): void {
  const { x = ones(session, 4, 3), gating = ones(session, 4, 6), options = { moeTopk: 2 } } = replaced;
  session.keep(moeDispatch(x as Tensor, gating as Tensor, options as never));
}

export function dispatchErrors(): ConformanceCase[] {
  const calls: BadCall[] = [
    ...inputs('x', 3),
    ...inputs('gatingOutput', 6),
    ...mismatches(),
    ...outputs(),
    ...overlaps(),
  ];
  const options = badOptions((session, options) => dispatch(session, { options }));
  return [...calls, ...options].map((call) => errorCase('moeDispatch', call, 'moeDispatch'));
}

function inputs(argument: 'x' | 'gatingOutput', width: number): BadCall[] {
  const replace = (session: Session, value: unknown) =>
    dispatch(session, argument === 'x' ? { x: value } : { gating: value });
  const make = (session: Session) => ones(session, 4, width);
  const bad: [string, BadCall['code'], (session: Session) => unknown][] = [
    ['not-a-tensor', 'INVALID_ARGUMENT', () => new Float32Array(12)],
    ['null', 'INVALID_ARGUMENT', () => null],
    ['disposed', 'TENSOR_DISPOSED', (session) => disposed(make(session))],
    ['rank-1', 'INVALID_SHAPE', (session) => ones(session, 4)],
    ['rank-4', 'INVALID_SHAPE', (session) => ones(session, 1, 2, 2, width)],
  ];
  return bad.map(([name, code, value]) => ({
    name: `${argument}-${name}`,
    code,
    argument,
    call: (session) => replace(session, value(session)),
  }));
}

function mismatches(): BadCall[] {
  const argument = 'gatingOutput';
  return [
    {
      name: 'another-backend',
      code: 'WRONG_BACKEND',
      argument,
      call: (session) => dispatch(session, { gating: foreign(session, ones(session, 4, 6)) }),
    },
    {
      name: 'gating-not-float32',
      code: 'UNSUPPORTED_DTYPE',
      argument,
      call: (session) => dispatch(session, { gating: zeros(session, 'int32', 4, 6) }),
    },
    {
      name: 'no-experts',
      code: 'INVALID_SHAPE',
      argument,
      call: (session) => dispatch(session, { gating: ones(session, 4, 0) }),
    },
    {
      name: 'token-counts',
      code: 'TOKEN_COUNT_MISMATCH',
      argument,
      call: (session) => dispatch(session, { gating: ones(session, 5, 6) }),
    },
    {
      name: 'token-counts-three-dimensions',
      code: 'TOKEN_COUNT_MISMATCH',
      argument,
      call: (session) => dispatch(session, { x: ones(session, 2, 3, 3), gating: ones(session, 2, 2, 6) }),
    },
  ];
}

function outputs(): BadCall[] {
  const withOut = (session: Session, replaced: Record<string, unknown>) => {
    const out = dispatchOut(session, SIZES);
    dispatch(session, { options: { moeTopk: 2, out: { ...out, ...replaced } } });
  };
  const bad: [name: string, code: BadCall['code'], output: string, (session: Session) => unknown][] = [
    ['missing', 'INVALID_ARGUMENT', 'topKIndices', () => undefined],
    ['wrong-rows', 'INVALID_SHAPE', 'permuteInput', (session) => ones(session, 7, 3)],
    ['wrong-columns', 'INVALID_SHAPE', 'expertScalesFloat', (session) => ones(session, 4, 3)],
    ['wrong-rank', 'INVALID_SHAPE', 'permuteIndicesPerToken', (session) => zeros(session, 'int32', 8)],
    ['wrong-length', 'INVALID_SHAPE', 'expertOffsets', (session) => zeros(session, 'int32', 6)],
    ['wrong-dtype', 'UNSUPPORTED_DTYPE', 'tokenNumsPerExpert', (session) => zeros(session, 'int32', 6)],
    ['dtype-not-of-x', 'UNSUPPORTED_DTYPE', 'permuteInput', (session) => zeros(session, 'int32', 8, 3)],
    ['disposed', 'TENSOR_DISPOSED', 'topKIndices', (session) => disposed(zeros(session, 'int32', 4, 2))],
    [
      'another-backend',
      'WRONG_BACKEND',
      'topKIndices',
      (session) => foreign(session, zeros(session, 'int32', 4, 2)),
    ],
  ];
  return [
    ...bad.map(([name, code, output, value]) => ({
      name: `out-${name}`,
      code,
      argument: `out.${output}`,
      call: (session: Session) => withOut(session, { [output]: value(session) }),
    })),
    {
      name: 'out-not-an-object',
      code: 'INVALID_ARGUMENT',
      argument: 'out',
      call: (session) => dispatch(session, { options: { moeTopk: 2, out: 7 } }),
    },
  ];
}

function overlaps(): BadCall[] {
  return [
    {
      name: 'out-overlaps-x',
      code: 'BUFFER_OVERLAP',
      argument: 'out.permuteInput',
      call: (session) => {
        const x = ones(session, 4, 3);
        const out = dispatchOut(session, { ...SIZES, topK: 1 });
        dispatch(session, { x, options: { moeTopk: 1, out: { ...out, permuteInput: x } } });
      },
    },
    {
      name: 'out-overlaps-out',
      code: 'BUFFER_OVERLAP',
      argument: 'out.permuteIndicesPerToken',
      call: (session) => {
        // With as many tokens as choices, both index tensors have the same shape.
        const out = dispatchOut(session, { ...SIZES, tokens: 2 });
        dispatch(session, {
          x: ones(session, 2, 3),
          gating: ones(session, 2, 6),
          options: { moeTopk: 2, out: { ...out, topKIndices: out.permuteIndicesPerToken } },
        });
      },
    },
  ];
}
