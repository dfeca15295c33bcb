import { type Dispatched, moeReduce, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';

/** 4 tokens, 2 choices, rows of 3, 6 experts. */
const VALID = {
  ffnOut: (session: Session) => ones(session, 8, 3),
  expertScalesFloat: (session: Session) => ones(session, 4, 2),
  permuteIndicesPerToken: (session: Session) => zeros(session, 'int32', 2, 4),
  topKIndices: (session: Session) => zeros(session, 'int32', 4, 2),
};
type Name = keyof typeof VALID;
const NAMES = Object.keys(VALID) as Name[];

/** moeReduce with some arguments replaced. */
function reduce(
  session: Session,
  replaced: { [N in Name]?: (session: Session) => unknown },
  options: unknown = {},
): void {
  const [ffn, scales, rows, experts] = NAMES.map(
    (name) => (replaced[name] ?? VALID[name])(session) as Tensor,
  );
  session.keep(moeReduce(ffn, scales, rows, experts, options as never));
}

export function reduceErrors(): ConformanceCase[] {
  const calls = [...tensorCalls(), ...shapeCalls(), ...dispatchedCalls(), ...optionCalls(), ...outputCalls()];
  return calls.map((call) => errorCase('moeReduce', call, 'moeReduce'));
}

function tensorCalls(): BadCall[] {
  return NAMES.flatMap((argument) => {
    const bad: [string, BadCall['code'], (session: Session) => unknown][] = [
      ['not-a-tensor', 'INVALID_ARGUMENT', () => ({})],
      ['disposed', 'TENSOR_DISPOSED', (session) => disposed(VALID[argument](session))],
      [
        'wrong-dtype',
        'UNSUPPORTED_DTYPE',
        (session) => zeros(session, 'int64', ...VALID[argument](session).shape),
      ],
    ];
    // The first tensor says which backend it is, so it is never the wrong one.
    if (argument !== 'ffnOut') {
      bad.push(['another-backend', 'WRONG_BACKEND', (session) => foreign(session, VALID[argument](session))]);
    }
    return bad.map(([name, code, value]) => ({
      name: `${argument}-${name}`,
      code,
      argument,
      call: (session: Session) => reduce(session, { [argument]: value }),
    }));
  });
}

function shapeCalls(): BadCall[] {
  const shapes: [name: string, argument: Name, shape: number[]][] = [
    ['rows-missing', 'ffnOut', [7, 3]],
    ['rank-1', 'ffnOut', [8]],
    ['rank-3', 'ffnOut', [2, 4, 3]],
    ['rank-1', 'expertScalesFloat', [8]],
    ['no-choices', 'expertScalesFloat', [4, 0]],
    ['transposed', 'permuteIndicesPerToken', [4, 2]],
    ['transposed', 'topKIndices', [2, 4]],
  ];
  return shapes.map(([name, argument, shape]) => ({
    name: `${argument}-${name}`,
    code: 'INVALID_SHAPE',
    argument,
    call: (session) => {
      const { dtype } = VALID[argument](session);
      reduce(session, { [argument]: () => zeros(session, dtype, ...shape) });
    },
  }));
}

/** moeReduce(ffnOut, dispatched) */
function dispatchedCalls(): BadCall[] {
  const call = (session: Session, replaced: object) => {
    const whole = Object.fromEntries(NAMES.slice(1).map((name) => [name, VALID[name](session)]));
    session.keep(moeReduce(VALID.ffnOut(session), { ...whole, ...replaced } as unknown as Dispatched));
  };
  const bad: [name: string, code: BadCall['code'], argument: Name, value: (session: Session) => unknown][] = [
    ['incomplete', 'INVALID_ARGUMENT', 'topKIndices', () => undefined],
    ['disposed', 'TENSOR_DISPOSED', 'expertScalesFloat', (s) => disposed(ones(s, 4, 2))],
    ['transposed', 'INVALID_SHAPE', 'permuteIndicesPerToken', (s) => zeros(s, 'int32', 4, 2)],
  ];
  return bad.map(([name, code, argument, value]) => ({
    name: `dispatched-${name}`,
    code,
    argument: `dispatched.${argument}`,
    call: (session) => call(session, { [argument]: value(session) }),
  }));
}

function optionCalls(): BadCall[] {
  const bad: [string, BadCall['code'], string, (session: Session) => unknown][] = [
    ['options-null', 'INVALID_ARGUMENT', 'options', () => null],
    ['snake-case', 'INVALID_ARGUMENT', 'options.norm_topk_prob', () => ({ norm_topk_prob: true })],
    ['option-of-moeDispatch', 'INVALID_ARGUMENT', 'options.moeTopk', () => ({ moeTopk: 2 })],
    ['norm-not-boolean', 'INVALID_ARGUMENT', 'normTopkProb', () => ({ normTopkProb: 1 })],
    ['factor-nan', 'INVALID_ARGUMENT', 'routedScalingFactor', () => ({ routedScalingFactor: Number.NaN })],
    [
      'factor-infinite',
      'INVALID_ARGUMENT',
      'routedScalingFactor',
      () => ({ routedScalingFactor: -Infinity }),
    ],
    [
      'factor-beyond-float32',
      'INVALID_ARGUMENT',
      'routedScalingFactor',
      () => ({ routedScalingFactor: 1e39 }),
    ],
    ['factor-text', 'INVALID_ARGUMENT', 'routedScalingFactor', () => ({ routedScalingFactor: '2' })],
    ['bias-not-a-tensor', 'INVALID_ARGUMENT', 'ffn2Bias', () => ({ ffn2Bias: 0 })],
    ['bias-disposed', 'TENSOR_DISPOSED', 'ffn2Bias', (s) => ({ ffn2Bias: disposed(ones(s, 6, 3)) })],
    ['bias-another-backend', 'WRONG_BACKEND', 'ffn2Bias', (s) => ({ ffn2Bias: foreign(s, ones(s, 6, 3)) })],
    ['bias-wrong-dtype', 'UNSUPPORTED_DTYPE', 'ffn2Bias', (s) => ({ ffn2Bias: zeros(s, 'float16', 6, 3) })],
    ['bias-wrong-width', 'INVALID_SHAPE', 'ffn2Bias', (s) => ({ ffn2Bias: ones(s, 6, 4) })],
    ['bias-rank-1', 'INVALID_SHAPE', 'ffn2Bias', (s) => ({ ffn2Bias: ones(s, 18) })],
    ['bias-middle-not-1', 'INVALID_SHAPE', 'ffn2Bias', (s) => ({ ffn2Bias: ones(s, 6, 2, 3) })],
    ['bias-without-experts', 'INVALID_SHAPE', 'ffn2Bias', (s) => ({ ffn2Bias: ones(s, 0, 3) })],
  ];
  return bad.map(([name, code, argument, options]) => ({
    name,
    code,
    argument,
    call: (session) => reduce(session, {}, options(session)),
  }));
}

function outputCalls(): BadCall[] {
  const bad: [string, BadCall['code'], (session: Session) => unknown][] = [
    ['not-a-tensor', 'INVALID_ARGUMENT', () => ({})],
    ['disposed', 'TENSOR_DISPOSED', (session) => disposed(ones(session, 4, 3))],
    ['another-backend', 'WRONG_BACKEND', (session) => foreign(session, ones(session, 4, 3))],
    ['wrong-shape', 'INVALID_SHAPE', (session) => ones(session, 3, 4)],
    ['wrong-dtype', 'UNSUPPORTED_DTYPE', (session) => zeros(session, 'bfloat16', 4, 3)],
  ];
  return [
    ...bad.map(([name, code, out]) => ({
      name: `out-${name}`,
      code,
      argument: 'out',
      call: (session: Session) => reduce(session, {}, { out: out(session) }),
    })),
    {
      name: 'out-overlaps-rows',
      code: 'BUFFER_OVERLAP',
      argument: 'out',
      call: (session) => {
        const rows = ones(session, 4, 3);
        const [scales, indices] = [ones(session, 4, 1), zeros(session, 'int32', 4, 1)];
        moeReduce(rows, scales, zeros(session, 'int32', 1, 4), indices, { out: rows });
      },
    },
    {
      name: 'out-overlaps-bias',
      code: 'BUFFER_OVERLAP',
      argument: 'out',
      call: (session) => {
        const bias = ones(session, 4, 3);
        reduce(session, {}, { ffn2Bias: bias, out: bias });
      },
    },
  ];
}
