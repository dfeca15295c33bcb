import { describe, expect, it } from 'vitest';
import { contractOf } from '../src/backend-authors.js';
import {
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepareDispatch,
  routeTokens,
} from '../src/index.js';
import { StubBackend } from './stub-backend.js';

function inputs(tokens = 3) {
  const backend = new StubBackend();
  const x = backend.empty([tokens, 4], 'float32');
  const gating = backend.empty([tokens, 8], 'float32');
  return { backend, stub: backend.stub, x, gating };
}

describe('an operation', () => {
  it('runs the stages in order', () => {
    const { stub, x, gating } = inputs();
    moeDispatch(x, gating, { moeTopk: 2 });
    expect(stub.calls).toEqual(['routeTokens', 'planDispatch', 'permuteRows']);
  });

  it('is called whole by a backend that has it whole', () => {
    const backend = new StubBackend(['moeDispatch', 'routeTokens']);
    const x = backend.empty([3, 4], 'float32');
    moeDispatch(x, backend.empty([3, 8], 'float32'), { moeTopk: 2, groupMoe: true });
    expect(backend.stub.calls).toEqual(['moeDispatch']);
    const sizes = {
      tokens: 3,
      hidden: 4,
      numExperts: 8,
      topK: 2,
      dtype: 'float32',
      selection: 'one_per_group',
      nGroup: 2,
    };
    expect(backend.stub.seen[0]).toMatchObject(sizes);
  });

  it.each([3, 4, 5, 6, 7, 8])('frees what it made when allocation %i fails', (failAt) => {
    const { backend, stub, x, gating } = inputs();
    stub.failAtAllocation = failAt;
    const before = backend.memory();
    expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow('no memory');
    expect(backend.memory()).toEqual(before);
    expect(stub.calls).toEqual([]);
    stub.failAtAllocation = 0;
    expect(moeDispatch(x, gating, { moeTopk: 2 }).permuteInput.shape).toEqual([6, 4]);
  });

  it.each(['routeTokens', 'planDispatch', 'permuteRows'])(
    'frees what it made, and no input, when %s fails',
    (operation) => {
      const { stub, x, gating } = inputs();
      stub.failing = operation;
      expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow(`${operation} failed`);
      expect(stub.made.map((tensor) => tensor.released)).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
    },
  );

  it('frees only its own results when a stage fails', () => {
    const { backend, stub, x, gating } = inputs();
    const { topKIndices, expertScalesFloat } = routeTokens(gating, { moeTopk: 2 });
    const plan = planDispatch(topKIndices, 8);
    const ffnOut = backend.empty([6, 4], 'float32');
    const inUse = backend.memory().liveTensors;
    const calls = {
      planDispatch: () => planDispatch(topKIndices, 8),
      permuteRows: () => permuteRows(x, plan),
      moeReduce: () => moeReduce(ffnOut, { expertScalesFloat, ...plan, topKIndices }),
    };
    for (const [name, call] of Object.entries(calls)) {
      stub.failing = name;
      expect(call).toThrow(`${name} failed`);
    }
    expect(backend.memory().liveTensors).toBe(inUse);
    expect([topKIndices.disposed, expertScalesFloat.disposed, x.disposed]).toEqual([false, false, false]);
  });

  it('leaves the caller results alone when it fails', () => {
    const { stub, x, gating } = inputs();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    stub.failing = 'planDispatch';
    expect(() => moeDispatch(x, gating, { moeTopk: 2, out })).toThrow('planDispatch failed');
    expect(Object.values(out).some((tensor) => tensor.disposed)).toBe(false);
  });

  it.each([
    ['moeDispatch', 6],
    ['routeTokens', 2],
    ['planDispatch', 3],
  ])('%s gives results that dispose all their tensors at once', (name, count) => {
    const { backend, x, gating } = inputs();
    const { topKIndices } = routeTokens(gating, { moeTopk: 2 });
    const before = backend.memory();
    const results = {
      moeDispatch: () => moeDispatch(x, gating, { moeTopk: 2 }),
      routeTokens: () => routeTokens(gating, { moeTopk: 2 }),
      planDispatch: () => planDispatch(topKIndices, 8),
    }[name]!();
    expect(backend.memory().liveTensors).toBe(before.liveTensors + count);
    results.dispose();
    results.dispose();
    expect(backend.memory()).toEqual(before);
  });

  it('names the limit, the request and the maximum', () => {
    const backend = new StubBackend();
    const gating = backend.empty([1, 65], 'float32');
    expect(() => routeTokens(gating, { moeTopk: 1 })).toThrow('a request of 65');
    expect(() => backend.empty([2 ** 39], 'float32')).toThrow(`at most maxTensorBytes = ${2 ** 40}`);
    expect(() =>
      prepareDispatch(backend, { tokens: 1, hidden: 1, numExperts: 65, dtype: 'float32', moeTopk: 1 }),
    ).toThrow('at most maxExperts = 64');
  });
});

describe('moeReduce', () => {
  it('takes what moeDispatch gave, or its tensors, to the same call', () => {
    const { backend, stub, x, gating } = inputs();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    const ffn2Bias = backend.empty([8, 1, 4], 'float32');
    const options = { ffn2Bias, normTopkProb: true, routedScalingFactor: 2.5 };
    moeReduce(out.permuteInput, out, options);
    moeReduce(out.permuteInput, out.expertScalesFloat, out.permuteIndicesPerToken, out.topKIndices, options);
    const [whole, long] = stub.seen.slice(-2);
    expect(whole).toMatchObject({ ...options, numExperts: 8, topK: 2, tokens: 3, hidden: 4 });
    expect({ ...long, output: null }).toEqual({ ...whole, output: null });
  });

  it('names the part of the dispatch that is at fault', () => {
    const { x, gating } = inputs();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    out.topKIndices.dispose();
    expect(() => moeReduce(out.permuteInput, out)).toThrow(
      expect.objectContaining({ code: 'TENSOR_DISPOSED', argument: 'dispatched.topKIndices' }),
    );
  });

  it('takes its factor as a float32', () => {
    const { stub, x, gating } = inputs();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    moeReduce(out.permuteInput, out, { routedScalingFactor: 0.1 });
    expect(stub.seen.at(-1)).toMatchObject({ routedScalingFactor: Math.fround(0.1) });
    for (const routedScalingFactor of [1e39, Number.NaN, Number.POSITIVE_INFINITY, '1' as never]) {
      expect(() => moeReduce(out.permuteInput, out, { routedScalingFactor })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'routedScalingFactor' }),
      );
    }
  });
});

describe('a backend that implements some operations', () => {
  it('says which, and refuses the others by name', () => {
    const backend = new StubBackend(['routeTokens']);
    expect(backend.info.operations).toEqual(['routeTokens']);
    const gating = backend.empty([3, 8], 'float32');
    const { topKIndices } = routeTokens(gating, { moeTopk: 2 });
    const before = backend.memory();
    const refused = expect.objectContaining({ code: 'UNSUPPORTED_OPERATION', argument: 'backend' });
    expect(() => planDispatch(topKIndices, 8)).toThrow(refused);
    expect(() => moeDispatch(gating, gating, { moeTopk: 2 })).toThrow(
      'a backend that implements moeDispatch',
    );
    const sizes = { tokens: 1, hidden: 1, numExperts: 8, dtype: 'float32', moeTopk: 1 } as const;
    expect(() => prepareDispatch(backend, sizes)).toThrow(refused);
    expect(backend.memory()).toEqual(before);
  });

  it('implements moeDispatch when it implements the stages', () => {
    expect(new StubBackend(['routeTokens', 'planDispatch']).info.operations).not.toContain('moeDispatch');
    expect(new StubBackend().info.operations).toContain('moeDispatch');
  });

  it('that cannot wrap says so', () => {
    const backend = new StubBackend();
    (contractOf(backend as never) as { adopt?: unknown }).adopt = undefined;
    expect(() => backend.wrap({}, [1], 'float32')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_OPERATION' }),
    );
  });
});
