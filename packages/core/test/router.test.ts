import { describe, expect, it } from 'vitest';
import { moeDispatch, moeReduce, prepareDispatch, type Router, routeTokens } from '../src/index.js';
import { StubBackend } from './stub-backend.js';

const [T, D, E, K] = [3, 4, 8, 2];

function setUp() {
  const backend = new StubBackend();
  const x = backend.empty([T, D], 'float32');
  const gating = backend.empty([T, E], 'float32');
  /** What the backend gets for a router. */
  const attributesOf = (options: object) => {
    routeTokens(gating, options as never);
    return backend.stub.seen.at(-1);
  };
  return { backend, x, gating, attributesOf };
}

describe('attributes', () => {
  it.each([
    [{ moeTopk: K }, { scoringFunc: 'softmax', selection: 'topk', nGroup: 1, topkGroup: 1 }],
    [
      { moeTopk: K, groupMoe: true },
      { scoringFunc: 'softmax', selection: 'one_per_group', nGroup: K },
    ],
    [
      { moeTopk: K, topkOnlyMode: true },
      { scoringFunc: 'none', selection: 'topk' },
    ],
    [
      { moeTopk: K, topkOnlyMode: true, groupMoe: true },
      { scoringFunc: 'none', selection: 'topk', nGroup: 1 },
    ],
  ])("of Paddle's arguments %o", (options, expected) => {
    expect(setUp().attributesOf(options)).toMatchObject({ topK: K, normTopkProb: false, ...expected });
  });

  it('of a router: its options, or their defaults, factors as float32', () => {
    const router: Router = { topK: K, scoringFunc: 'sigmoid', normTopkProb: true, normEps: 0.1 };
    expect(setUp().attributesOf({ router })).toMatchObject({
      ...router,
      normEps: Math.fround(0.1),
      routedScalingFactor: 1,
      expertCapacity: 0,
      zeroExperts: 0,
    });
  });

  it('groups that are all kept are one group', () => {
    const router = { topK: K, nGroup: 4, topkGroup: 4 };
    expect(setUp().attributesOf({ router })).toMatchObject({ nGroup: 1, topkGroup: 1 });
  });

  it('expertIds make the selection', () => {
    const set = setUp();
    const expertIds = set.backend.empty([T, K], 'int32');
    expect(set.attributesOf({ router: { topK: K }, expertIds })).toMatchObject({
      selection: 'given',
      tensors: ['expertIds'],
      expertIds,
      tokenMask: null,
    });
  });
});

describe('a router is refused', () => {
  const refusals: [code: string, argument: string, router: object][] = [
    ['INVALID_ARGUMENT', 'router.norm_topk_prob', { norm_topk_prob: true }],
    ['INVALID_ARGUMENT', 'router.scoringFunc', { scoringFunc: 'softMax' }],
    ['INVALID_ARGUMENT', 'router.selection', { selection: 'one_per_group' }],
    ['INVALID_ARGUMENT', 'router.nGroup', { nGroup: 0 }],
    ['INVALID_ARGUMENT', 'router.normEps', { normTopkProb: true, normEps: Number.NaN }],
    ['INVALID_ARGUMENT', 'router.routedScalingFactor', { routedScalingFactor: 1e39 }],
    ['INVALID_ARGUMENT', 'router.expertCapacity', { expertCapacity: 0.5 }],
    ['INVALID_ARGUMENT', 'router.zeroExperts.kind', { zeroExperts: { count: 1 } }],
    ['INVALID_ARGUMENT', 'router.zeroExperts.count', { zeroExperts: { count: 0, kind: 'skip' } }],
    ['INVALID_ROUTER', 'router.zeroExperts.count', { zeroExperts: { count: E, kind: 'skip' } }],
    ['INVALID_TOP_K', 'router.topK', { topK: E + 1 }],
    ['INVALID_TOP_K', 'router.topK', { topK: undefined }],
    ['INVALID_TOP_K', 'router.topK', { topK: 5, nGroup: 4, topkGroup: 2, groupScoreFunc: 'max' }],
    ['EXPERTS_NOT_DIVISIBLE', 'router.nGroup', { nGroup: 3, topkGroup: 1, groupScoreFunc: 'max' }],
    ['INVALID_ROUTER', 'router.topkGroup', { nGroup: 2, topkGroup: 3, groupScoreFunc: 'max' }],
    ['INVALID_ROUTER', 'router.groupScoreFunc', { nGroup: 4, topkGroup: 2 }],
    ['INVALID_ROUTER', 'router.normEps', { normEps: 1e-20 }],
    ['INVALID_ROUTER', 'router.normBeforeDrop', { normTopkProb: true, normBeforeDrop: true }],
    ['INVALID_ROUTER', 'router.normBeforeDrop', { expertCapacity: 1, normBeforeDrop: true }],
    ['INVALID_ROUTER', 'router.dropPolicy', { dropPolicy: 'probs' }],
    ['INVALID_ROUTER', 'router.jitterEps', { jitterEps: 0.01 }],
    ['INVALID_ARGUMENT', 'router.jitterEps', { selection: 'sparsemixer', jitterEps: -0.01 }],
    ['INVALID_TOP_K', 'router.topK', { topK: 3, selection: 'sparsemixer' }],
    ['INVALID_TOP_K', 'router.topK', { topK: Object.create(null), selection: 'sparsemixer' }],
    ['INVALID_ROUTER', 'router.normTopkProb', { selection: 'sparsemixer', normTopkProb: true }],
    [
      'INVALID_ROUTER',
      'router.zeroExperts',
      { selection: 'sparsemixer', zeroExperts: { count: 1, kind: 'skip' } },
    ],
    [
      'INVALID_ROUTER',
      'router.applyRouterWeightOnInput',
      { applyRouterWeightOnInput: true, zeroExperts: { count: 1, kind: 'identity' } },
    ],
  ];
  it.each(refusals)('%s, %s: %o', (code, argument, options) => {
    const { backend, gating } = setUp();
    const router = { topK: K, ...options } as Router;
    const refusal = expect.objectContaining({ code, argument });
    expect(() => routeTokens(gating, { router })).toThrow(refusal);
    const sizes = { tokens: T, hidden: D, numExperts: E, dtype: 'float32' } as const;
    expect(() => prepareDispatch(backend, { ...sizes, router })).toThrow(refusal);
    expect(backend.stub.calls).toEqual([]);
  });

  it("beside Paddle's arguments", () => {
    const both = { router: { topK: K }, moeTopk: K } as never;
    const refusal = expect.objectContaining({ code: 'INVALID_ROUTER', argument: 'router' });
    expect(() => routeTokens(setUp().gating, both)).toThrow(refusal);
  });
});

describe('a tensor is refused', () => {
  const shapes = {
    eScoreCorrectionBias: [[E], 'float32'],
    perExpertScale: [[E], 'float32'],
    globalScale: [[1], 'float32'],
    sharedLogits: [[T, 2], 'float32'],
    expertIds: [[T, K], 'int32'],
    tokenMask: [[T], 'uint8'],
  } as const;
  const tensor = (backend: StubBackend, name: keyof typeof shapes) =>
    backend.empty([...shapes[name][0]], shapes[name][1]);

  it.each([
    ['eScoreCorrectionBias', { selection: 'sparsemixer' }],
    ['perExpertScale', { selection: 'sparsemixer' }],
    ['globalScale', { selection: 'sparsemixer' }],
    ['expertIds', { selection: 'sparsemixer' }],
    ['sharedLogits', { scoringFunc: 'sigmoid' }],
    ['sharedLogits', { normTopkProb: true }],
  ] as const)('%s where it has no use: %o', (name, options) => {
    const { backend, gating } = setUp();
    const call = () =>
      routeTokens(gating, { router: { topK: K, ...options }, [name]: tensor(backend, name) });
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ROUTER', argument: name }));
  });

  it('a bias beside expertIds, which leave nothing to choose', () => {
    const { backend, gating } = setUp();
    const expertIds = tensor(backend, 'expertIds');
    const eScoreCorrectionBias = tensor(backend, 'eScoreCorrectionBias');
    const call = () => routeTokens(gating, { router: { topK: K }, expertIds, eScoreCorrectionBias });
    expect(call).toThrow(
      expect.objectContaining({ code: 'INVALID_ROUTER', argument: 'eScoreCorrectionBias' }),
    );
  });

  it.each(Object.keys(shapes) as (keyof typeof shapes)[])('%s of another shape or dtype', (name) => {
    const { backend, gating } = setUp();
    const router = { topK: K, scoringFunc: 'sigmoid', normTopkProb: true } as const;
    const [shape, dtype] = shapes[name];
    const larger = [...shape.slice(0, -1), shape[shape.length - 1] + 1];
    const call = (given: unknown) => () => routeTokens(gating, { router, [name]: given });
    if (name !== 'sharedLogits') {
      expect(call(backend.empty(larger, dtype))).toThrow(
        expect.objectContaining({ code: 'INVALID_SHAPE', argument: name }),
      );
    }
    const other = backend.empty(shape, 'int64');
    expect(call(other)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_DTYPE', argument: name }));
    for (const given of [{}, false, 0, '']) {
      expect(call(given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: name }));
    }
  });
});

describe('a prepared router', () => {
  it('takes its tensors by name, all of them and no others', () => {
    const { backend, x, gating } = setUp();
    const prepared = prepareDispatch(backend, {
      ...{ tokens: T, hidden: D, numExperts: E, dtype: 'float32' },
      router: { topK: K, scoringFunc: 'sigmoid' },
      tensors: ['eScoreCorrectionBias'],
    });
    const out = prepared.outputs();
    const eScoreCorrectionBias = backend.empty([E], 'float32');
    prepared.run(x, gating, out, { eScoreCorrectionBias });
    expect(backend.stub.seen[0]).toMatchObject({ eScoreCorrectionBias, perExpertScale: null });
    const missing = expect.objectContaining({ argument: 'eScoreCorrectionBias', found: 'nothing' });
    expect(() => prepared.run(x, gating, out)).toThrow(missing);
    const globalScale = backend.empty([1], 'float32');
    const surplus = expect.objectContaining({ argument: 'globalScale', expected: 'nothing, as prepared' });
    expect(() => prepared.run(x, gating, out, { eScoreCorrectionBias, globalScale })).toThrow(surplus);
  });
});

describe('weights on the input', () => {
  const router: Router = { topK: K, applyRouterWeightOnInput: true };

  it('are not weighed again by moeReduce, which takes the result whole', () => {
    const { backend, x, gating } = setUp();
    const out = moeDispatch(x, gating, { router });
    moeReduce(out.permuteInput, out);
    expect(backend.stub.seen.at(-1)).toMatchObject({ applyRouterWeightOnInput: true });
    moeReduce(out.permuteInput, { ...out });
    expect(backend.stub.seen.at(-1)).toMatchObject({ applyRouterWeightOnInput: false });
  });

  it('need rows of a float dtype', () => {
    const { backend, gating } = setUp();
    const x = backend.empty([T, D], 'int8');
    const refusal = expect.objectContaining({ code: 'UNSUPPORTED_DTYPE', argument: 'x' });
    expect(() => moeDispatch(x, gating, { router })).toThrow(refusal);
  });

  it('leave nothing to normalise', () => {
    const { x, gating } = setUp();
    const out = moeDispatch(x, gating, { router });
    const refusal = expect.objectContaining({ code: 'INVALID_ROUTER', argument: 'normTopkProb' });
    expect(() => moeReduce(out.permuteInput, out, { normTopkProb: true })).toThrow(refusal);
  });
});
