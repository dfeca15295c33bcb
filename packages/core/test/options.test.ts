import { describe, expect, it } from 'vitest';
import { readOptions } from '../src/backend-authors.js';
import {
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepare,
  prepareDispatch,
  routeTokens,
  selectBackend,
} from '../src/index.js';
import { StubBackend } from './stub-backend.js';

const invalid = (argument: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', argument });

function setUp() {
  const backend = new StubBackend();
  const x = backend.empty([3, 4], 'float32');
  const gating = backend.empty([3, 8], 'float32');
  const out = moeDispatch(x, gating, { moeTopk: 2 });
  return { backend, x, gating, out };
}

describe('an unknown option', () => {
  const calls: [
    name: string,
    argument: string,
    call: (set: ReturnType<typeof setUp>, options: object) => unknown,
  ][] = [
    ['group_moe', 'moeDispatch', ({ x, gating }, o) => moeDispatch(x, gating, { moeTopk: 2, ...o })],
    ['normTopkProb', 'moeDispatch', ({ x, gating }, o) => moeDispatch(x, gating, { moeTopk: 2, ...o })],
    ['topk_only_mode', 'routeTokens', ({ gating }, o) => routeTokens(gating, { moeTopk: 2, ...o })],
    ['Out', 'planDispatch', ({ out }, o) => planDispatch(out.topKIndices, 8, o)],
    ['output', 'permuteRows', ({ x, out }, o) => permuteRows(x, out, o)],
    ['norm_topk_prob', 'moeReduce', ({ out }, o) => moeReduce(out.permuteInput, out, o)],
    [
      'num_experts',
      'prepareDispatch',
      ({ backend }, o) =>
        prepareDispatch(backend, { tokens: 1, hidden: 1, numExperts: 1, moeTopk: 1, dtype: 'float32', ...o }),
    ],
    [
      'hidden',
      'prepare',
      ({ backend }, o) => prepare(backend, 'planDispatch', { tokens: 1, numExperts: 1, moeTopk: 1, ...o }),
    ],
    ['offset', 'wrap', ({ backend }, o) => backend.wrap({}, [1], 'float32', o)],
  ];
  it.each(calls)('%s is refused by %s, before any work', (name, _operation, call) => {
    const set = setUp();
    const before = [set.backend.memory(), set.backend.stub.calls.length];
    expect(() => call(set, { [name]: undefined })).toThrow(invalid(`options.${name}`));
    expect([set.backend.memory(), set.backend.stub.calls.length]).toEqual(before);
  });

  it.each(['', '_', '__'])('of no letters suggests none: %j', (name) => {
    const { out } = setUp();
    expect(() => moeReduce(out.permuteInput, out, { [name]: 1 } as object)).toThrow(
      /: expected one of .*, found an unknown option$/,
    );
  });

  it.each([
    ['norm_topk_prob', 'normTopkProb'],
    ['routedScalingfactor', 'routedScalingFactor'],
    ['bias', 'ffn2Bias'],
  ])('%s comes with the name that was meant', (wrong, right) => {
    const { out } = setUp();
    expect(() => moeReduce(out.permuteInput, out, { [wrong]: true })).toThrow(`expected ${right} (one of`);
  });

  it('that is like no other comes with the list alone', () => {
    expect(() => readOptions({ zebra: 1 }, ['moeTopk', 'out'] as never)).toThrow(
      'expected one of moeTopk, out, found',
    );
  });
});

describe('options', () => {
  it.each([null, 3, 'out', undefined])('that are %j instead of an object are refused', (options) => {
    const { x, gating } = setUp();
    expect(() => moeDispatch(x, gating, options as never)).toThrow(invalid('options'));
  });

  it('that cannot be read are refused', () => {
    const { x, gating, out, backend } = setUp();
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const proxy = revoked.proxy as never;
    const throws = {
      get moeTopk(): number {
        throw new Error('user code');
      },
    };
    expect(() => moeDispatch(x, gating, proxy)).toThrow(invalid('options'));
    expect(() => moeDispatch(x, gating, throws)).toThrow(invalid('options'));
    expect(() => moeDispatch(x, gating, { moeTopk: 2, out: proxy })).toThrow(invalid('out'));
    expect(() => moeReduce(out.permuteInput, proxy)).toThrow(invalid('dispatched'));
    const prepared = prepareDispatch(backend, {
      tokens: 3,
      hidden: 4,
      numExperts: 8,
      moeTopk: 2,
      dtype: 'float32',
    });
    expect(() => prepared.run(x, gating, proxy)).toThrow(invalid('out'));
    expect(() => prepared.run(x, gating, out, proxy)).toThrow(invalid('tensors'));
    prepared.run(x, gating, out);
    expect(() => permuteRows(x, proxy)).toThrow(invalid('plan'));
    expect(() => backend.empty(proxy, 'float32')).toThrow(expect.objectContaining({ code: 'INVALID_SHAPE' }));
    expect(() => backend.tensor(proxy, [1], 'float32')).toThrow(invalid('data'));
    expect(() =>
      prepareDispatch(proxy, { tokens: 1, hidden: 1, numExperts: 1, moeTopk: 1, dtype: 'float32' }),
    ).toThrow(invalid('backend'));
    return Promise.all([
      expect(selectBackend(proxy)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'factories' }),
      expect(selectBackend([proxy])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        argument: 'factories[0]',
      }),
    ]);
  });

  it('are read before the tensors are checked, so that a getter that disposes one is noticed', () => {
    const { backend, x, gating, out } = setUp();
    const calls = backend.stub.calls.length;
    const options = {
      get moeTopk() {
        out.topKIndices.dispose();
        x.dispose();
        return 2;
      },
      out,
    };
    expect(() => moeDispatch(x, gating, options)).toThrow(
      expect.objectContaining({ code: 'TENSOR_DISPOSED' }),
    );
    expect(backend.stub.calls).toHaveLength(calls);
  });

  it('of a router too', () => {
    const { backend, x, gating } = setUp();
    const calls = backend.stub.calls.length;
    const router = {
      get topK() {
        gating.dispose();
        return 2;
      },
    };
    expect(() => moeDispatch(x, gating, { router })).toThrow(
      expect.objectContaining({ code: 'TENSOR_DISPOSED', argument: 'gatingOutput' }),
    );
    expect(backend.stub.calls).toHaveLength(calls);
  });

  it.each([null, false, 0, ''])('of moeReduce with %j for out are refused', (none) => {
    const { out } = setUp();
    const options = { out: none as never };
    expect(() => moeReduce(out.permuteInput, out, options)).toThrow(invalid('out'));
  });

  it('may re-enter the library through a getter', () => {
    const { x, gating } = setUp();
    let inner: { dispose(): void } | undefined;
    const options = {
      get moeTopk() {
        inner ??= moeDispatch(x, gating, { moeTopk: 1 });
        return 2;
      },
    };
    expect(moeDispatch(x, gating, options).permuteInput.shape).toEqual([6, 4]);
    inner?.dispose();
  });
});
