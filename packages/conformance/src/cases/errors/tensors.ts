import { type Backend, moeDispatch, type Tensor } from '@moe-dispatch/core';
import { hostTensor } from '../../host-tensor.js';
import { NotClaimed, type Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { prepareWith } from '../prepare.js';
import { type BadCall, disposed, errorCase, ones } from './error-case.js';

/** Making, wrapping and reading tensors; limits; a disposed backend. */
export function tensorErrors(): ConformanceCase[] {
  return [
    ...tensorCalls().map((call) => errorCase('tensor', call)),
    ...wrapCalls().map((call) => errorCase('wrap', call)),
    ...limitCalls().map((call) => errorCase('limits', call)),
    ...disposedCalls().map((call) => errorCase('disposed-backend', call)),
    errorCase('read', {
      name: 'disposed',
      code: 'TENSOR_DISPOSED',
      argument: 'tensor',
      call: (session) => disposed(ones(session, 2)).read(),
    }),
  ];
}

function make(session: Session, data: unknown, shape: unknown, dtype: unknown = 'float32'): void {
  session.keep(
    session.backend.tensor(data as Float32Array<ArrayBuffer>, shape as number[], dtype as 'float32'),
  );
}

function tensorCalls(): BadCall[] {
  const data = new Float32Array(4);
  const bad: [string, BadCall['code'], string, (session: Session) => unknown][] = [
    ['data-ragged', 'INVALID_ARGUMENT', 'data', (s) => make(s, [[1, 2], [3]], undefined)],
    ['data-of-texts', 'INVALID_ARGUMENT', 'data', (s) => make(s, ['1', '2'], [2])],
    ['data-missing', 'INVALID_ARGUMENT', 'data', (s) => make(s, undefined, [4])],
    ['data-of-another-type', 'INVALID_ARGUMENT', 'data', (s) => make(s, new Float64Array(4), [4])],
    ['data-is-a-view', 'INVALID_ARGUMENT', 'data', (s) => make(s, new DataView(new ArrayBuffer(16)), [4])],
    ['data-too-short', 'INVALID_SHAPE', 'data', (s) => make(s, data, [5])],
    ['data-too-long', 'INVALID_SHAPE', 'data', (s) => make(s, data, [3])],
    ['dtype-unknown', 'UNSUPPORTED_DTYPE', 'dtype', (s) => make(s, data, [4], 'float64')],
    ['dtype-inherited-name', 'UNSUPPORTED_DTYPE', 'dtype', (s) => make(s, data, [4], 'toString')],
    ['shape-not-an-array', 'INVALID_SHAPE', 'shape', (s) => make(s, data, 4)],
    ['shape-negative', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [-2, -2])],
    ['shape-fraction', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [1.5])],
    ['shape-nan', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [Number.NaN])],
    ['shape-empty', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [])],
    ['shape-rank-5', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [1, 1, 1, 1, 4])],
    ['shape-not-countable', 'INVALID_SHAPE', 'shape', (s) => make(s, data, [2 ** 40, 2 ** 40])],
    ['empty-shape-negative', 'INVALID_SHAPE', 'shape', (s) => s.keep(s.backend.empty([-1], 'float32'))],
    [
      'empty-dtype-unknown',
      'UNSUPPORTED_DTYPE',
      'dtype',
      (s) => s.keep(s.backend.empty([1], 'complex64' as 'float32')),
    ],
  ];
  return bad.map(([name, code, argument, call]) => ({ name, code, argument, call }));
}

function wrapCalls(): BadCall[] {
  const wrap = async (session: Session, shape: number[], dtype = 'float32', options: unknown = {}) => {
    const native = await session.native.make(hostTensor('float32', [6]).data, 'float32');
    const backend = session.backend as unknown as Backend<Tensor, unknown>;
    session.keep(backend.wrap(native, shape, dtype as 'float32', options as object));
  };
  const badOptions: [name: string, code: BadCall['code'], argument: string, options: unknown][] = [
    ['options-a-number', 'INVALID_ARGUMENT', 'options', 16],
    ['snake-case', 'INVALID_ARGUMENT', 'options.byte_offset', { byte_offset: 4 }],
    ['byte-offset-negative', 'INVALID_ARGUMENT', 'byteOffset', { byteOffset: -4 }],
    ['byte-offset-within-an-element', 'INVALID_ARGUMENT', 'byteOffset', { byteOffset: 2 }],
    ['byte-offset-beyond-the-end', 'BUFFER_TOO_SMALL', 'native', { byteOffset: 24 }],
  ];
  return [
    ...badOptions.map(([name, code, argument, options]) => ({
      name,
      code,
      argument,
      call: (session: Session) => wrap(session, [1], 'float32', options),
    })),
    { name: 'buffer-too-small', code: 'BUFFER_TOO_SMALL', argument: 'native', call: (s) => wrap(s, [4, 3]) },
    { name: 'shape-negative', code: 'INVALID_SHAPE', argument: 'shape', call: (s) => wrap(s, [-6]) },
    { name: 'dtype-unknown', code: 'UNSUPPORTED_DTYPE', argument: 'dtype', call: (s) => wrap(s, [6], 'f32') },
    {
      name: 'not-memory',
      code: 'INVALID_ARGUMENT',
      argument: 'native',
      call: (session) => {
        // Asked for, so that backends without `wrap` are not held to it.
        void session.native;
        session.keep((session.backend as unknown as Backend<Tensor, unknown>).wrap({}, [1], 'float32'));
      },
    },
  ];
}

/** Limits that no shape or number can exceed are not claimed. */
function limitCalls(): BadCall[] {
  return [
    {
      name: 'tensor-bytes',
      code: 'LIMIT_EXCEEDED',
      argument: 'shape',
      call: (session) => {
        const elements = Math.floor(session.backend.info.limits.maxTensorBytes / 8) + 1;
        if (elements > Number.MAX_SAFE_INTEGER / 8) throw new NotClaimed('a limit on the size of tensors');
        session.keep(session.backend.empty([elements], 'int64'));
      },
    },
    {
      name: 'experts',
      code: 'LIMIT_EXCEEDED',
      argument: 'numExperts',
      call: (session) => {
        const numExperts = session.backend.info.limits.maxExperts + 1;
        if (!Number.isSafeInteger(numExperts)) throw new NotClaimed('a limit on the number of experts');
        session.requireOperations('moeDispatch');
        prepareWith(session, 'moeDispatch', {
          tokens: 1,
          hidden: 1,
          numExperts,
          dtype: 'float32',
          moeTopk: 1,
        });
      },
    },
  ];
}

function disposedCalls(): BadCall[] {
  const other = async (session: Session) => {
    const backend = await session.anotherBackend();
    const tensor = backend.tensor(new Float32Array(4), [2, 2], 'float32');
    backend.dispose();
    backend.dispose();
    return { backend, tensor };
  };
  const bad: [name: string, argument: string, use: (made: Awaited<ReturnType<typeof other>>) => unknown][] = [
    ['tensor', 'backend', ({ backend }) => backend.tensor(new Float32Array(1), [1], 'float32')],
    ['moeDispatch', 'backend', ({ tensor }) => moeDispatch(tensor, tensor, { moeTopk: 1 })],
    ['read', 'backend', ({ tensor }) => tensor.read()],
  ];
  return bad.map(([name, argument, use]) => ({
    name,
    code: 'BACKEND_DISPOSED',
    argument,
    call: async (session) => use(await other(session)),
  }));
}
