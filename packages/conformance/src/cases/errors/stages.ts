import { permuteRows, planDispatch, routeTokens, type Tensor } from '@moe-dispatch/core';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { type BadCall, disposed, errorCase, foreign, ones, zeros } from './error-case.js';
import { badOptions } from './options.js';

export function stageErrors(): ConformanceCase[] {
  return [
    ...routeErrors().map((call) => errorCase('routeTokens', call, 'routeTokens')),
    ...planErrors().map((call) => errorCase('planDispatch', call, 'planDispatch')),
    ...[...permuteErrors(), ...permuteOutputErrors()].map((call) =>
      errorCase('permuteRows', call, 'permuteRows'),
    ),
  ];
}

function route(session: Session, gating: unknown, options: unknown = { moeTopk: 2 }): void {
  for (const tensor of Object.values(routeTokens(gating as Tensor, options as never))) session.keep(tensor);
}

function routeErrors(): BadCall[] {
  const bad: [string, BadCall['code'], (session: Session) => unknown][] = [
    ['not-a-tensor', 'INVALID_ARGUMENT', () => [1, 2]],
    ['disposed', 'TENSOR_DISPOSED', (session) => disposed(ones(session, 4, 6))],
    ['not-float32', 'UNSUPPORTED_DTYPE', (session) => zeros(session, 'int64', 4, 6)],
    ['rank-1', 'INVALID_SHAPE', (session) => ones(session, 6)],
    ['no-experts', 'INVALID_SHAPE', (session) => ones(session, 4, 0)],
  ];
  return [
    ...bad.map(([name, code, gating]) => ({
      name,
      code,
      argument: 'gatingOutput',
      call: (session: Session) => route(session, gating(session)),
    })),
    ...badOptions((session, options) => route(session, ones(session, 4, 6), options)),
    {
      name: 'out-wrong-shape',
      code: 'INVALID_SHAPE',
      argument: 'out.topKIndices',
      call: (session) => {
        const out = { expertScalesFloat: ones(session, 4, 2), topKIndices: zeros(session, 'int32', 2, 4) };
        route(session, ones(session, 4, 6), { moeTopk: 2, out });
      },
    },
    {
      name: 'out-overlaps-gating',
      code: 'BUFFER_OVERLAP',
      argument: 'out.expertScalesFloat',
      call: (session) => {
        session.requireSizes({ numExperts: 6, topK: 6 });
        const gating = ones(session, 4, 6);
        const out = { expertScalesFloat: gating, topKIndices: zeros(session, 'int32', 4, 6) };
        route(session, gating, { moeTopk: 6, out });
      },
    },
  ];
}

function plan(session: Session, indices: unknown, numExperts: unknown = 6, options: unknown = {}): void {
  const result = planDispatch<Tensor>(indices as Tensor, numExperts as number, options as never);
  for (const tensor of Object.values(result)) session.keep(tensor);
}

function planErrors(): BadCall[] {
  const indices = (session: Session) => zeros(session, 'int32', 4, 2);
  const bad: [string, BadCall['code'], string, (session: Session) => unknown][] = [
    ['not-a-tensor', 'INVALID_ARGUMENT', 'topKIndices', (session) => plan(session, new Int32Array(8))],
    ['disposed', 'TENSOR_DISPOSED', 'topKIndices', (session) => plan(session, disposed(indices(session)))],
    ['not-int32', 'UNSUPPORTED_DTYPE', 'topKIndices', (session) => plan(session, ones(session, 4, 2))],
    ['rank-1', 'INVALID_SHAPE', 'topKIndices', (session) => plan(session, zeros(session, 'int32', 8))],
    ['rank-3', 'INVALID_SHAPE', 'topKIndices', (session) => plan(session, zeros(session, 'int32', 2, 2, 2))],
    ['no-choices', 'INVALID_TOP_K', 'topKIndices', (session) => plan(session, zeros(session, 'int32', 4, 0))],
    [
      'more-choices-than-experts',
      'INVALID_TOP_K',
      'topKIndices',
      (session) => plan(session, indices(session), 1),
    ],
    ['zero-experts', 'INVALID_ARGUMENT', 'numExperts', (session) => plan(session, indices(session), 0)],
    [
      'fraction-of-experts',
      'INVALID_ARGUMENT',
      'numExperts',
      (session) => plan(session, indices(session), 2.5),
    ],
    ['options-null', 'INVALID_ARGUMENT', 'options', (session) => plan(session, indices(session), 6, null)],
    ['option-unknown', 'INVALID_ARGUMENT', 'options.moeTopk', (s) => plan(s, indices(s), 6, { moeTopk: 2 })],
  ];
  const out = (session: Session) => ({
    tokenNumsPerExpert: zeros(session, 'int64', 6),
    expertOffsets: zeros(session, 'int32', 7),
    permuteIndicesPerToken: zeros(session, 'int32', 2, 2),
  });
  return [
    ...bad.map(([name, code, argument, call]) => ({ name, code, argument, call })),
    {
      name: 'out-wrong-dtype',
      code: 'UNSUPPORTED_DTYPE',
      argument: 'out.tokenNumsPerExpert',
      call: (session) => {
        const wrong = { ...out(session), tokenNumsPerExpert: zeros(session, 'int32', 6) };
        plan(session, zeros(session, 'int32', 2, 2), 6, { out: wrong });
      },
    },
    {
      name: 'out-overlaps-input',
      code: 'BUFFER_OVERLAP',
      argument: 'out.permuteIndicesPerToken',
      call: (session) => {
        const indices = zeros(session, 'int32', 2, 2);
        plan(session, indices, 6, { out: { ...out(session), permuteIndicesPerToken: indices } });
      },
    },
  ];
}

function permute(session: Session, x: unknown, rows: unknown, options: unknown = {}): void {
  session.keep(permuteRows(x as Tensor, { permuteIndicesPerToken: rows as Tensor }, options as never));
}

/** 4 tokens with rows of 3, 2 choices. */
const x = (session: Session) => ones(session, 4, 3);
const rows = (session: Session) => zeros(session, 'int32', 2, 4);

function permuteErrors(): BadCall[] {
  const name = 'plan.permuteIndicesPerToken';
  const bad: [string, BadCall['code'], string, (session: Session) => unknown][] = [
    ['x-not-a-tensor', 'INVALID_ARGUMENT', 'x', (s) => permute(s, 'x', rows(s))],
    ['x-disposed', 'TENSOR_DISPOSED', 'x', (s) => permute(s, disposed(x(s)), rows(s))],
    ['x-rank-4', 'INVALID_SHAPE', 'x', (s) => permute(s, ones(s, 1, 2, 2, 3), rows(s))],
    ['token-counts', 'TOKEN_COUNT_MISMATCH', 'x', (s) => permute(s, ones(s, 5, 3), rows(s))],
    ['token-counts-vector', 'TOKEN_COUNT_MISMATCH', 'x', (s) => permute(s, ones(s, 3), rows(s))],
    ['plan-missing', 'INVALID_ARGUMENT', 'plan', (s) => permuteRows(x(s), undefined as never)],
    ['rows-missing', 'INVALID_ARGUMENT', name, (s) => permute(s, x(s), undefined)],
    ['rows-disposed', 'TENSOR_DISPOSED', name, (s) => permute(s, x(s), disposed(rows(s)))],
    ['rows-not-int32', 'UNSUPPORTED_DTYPE', name, (s) => permute(s, x(s), ones(s, 2, 4))],
    ['rows-rank-1', 'INVALID_SHAPE', name, (s) => permute(s, x(s), zeros(s, 'int32', 8))],
    ['no-choices', 'INVALID_SHAPE', name, (s) => permute(s, x(s), zeros(s, 'int32', 0, 4))],
    ['another-backend', 'WRONG_BACKEND', name, (s) => permute(s, x(s), foreign(s, rows(s)))],
    ['options-null', 'INVALID_ARGUMENT', 'options', (s) => permute(s, x(s), rows(s), null)],
    [
      'option-unknown',
      'INVALID_ARGUMENT',
      'options.in_place',
      (s) => permute(s, x(s), rows(s), { in_place: true }),
    ],
  ];
  return bad.map(([name, code, argument, call]) => ({ name, code, argument, call }));
}

function permuteOutputErrors(): BadCall[] {
  return [
    {
      name: 'out-wrong-shape',
      code: 'INVALID_SHAPE',
      argument: 'out.permuteInput',
      call: (session) =>
        permute(session, x(session), rows(session), { out: { permuteInput: ones(session, 8, 4) } }),
    },
    {
      name: 'out-overlaps-x',
      code: 'BUFFER_OVERLAP',
      argument: 'out.permuteInput',
      call: (session) => {
        const tensor = x(session);
        permute(session, tensor, zeros(session, 'int32', 1, 4), { out: { permuteInput: tensor } });
      },
    },
  ];
}
