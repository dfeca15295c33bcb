import { describe, expect, it } from 'vitest';
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
  return { backend, x, gating };
}

describe('an operation', () => {
  it('runs the stages in order', () => {
    const { backend, x, gating } = inputs();
    moeDispatch(x, gating, { moeTopk: 2 });
    expect(backend.calls).toEqual(['route', 'plan', 'permute']);
  });

  it.each([3, 4, 5, 6, 7, 8])('frees what it made when allocation %i fails', (failAt) => {
    const { backend, x, gating } = inputs();
    backend.failAtAllocation = failAt;
    const before = backend.memory();
    expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow('no memory');
    expect(backend.memory()).toEqual(before);
    expect(backend.calls).toEqual([]);
    backend.failAtAllocation = 0;
    expect(moeDispatch(x, gating, { moeTopk: 2 }).permuteInput.shape).toEqual([6, 4]);
  });

  it.each(['route', 'plan', 'permute'])('frees what it made, and no input, when %s fails', (kernel) => {
    const { backend, x, gating } = inputs();
    backend.failingKernel = kernel;
    expect(() => moeDispatch(x, gating, { moeTopk: 2 })).toThrow(`${kernel} failed`);
    expect(backend.made.map((tensor) => tensor.released)).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
  });

  it('frees only its own results when a stage fails', () => {
    const { backend, x, gating } = inputs();
    const { topKIndices, expertScalesFloat } = routeTokens(gating, { moeTopk: 2 });
    const plan = planDispatch(topKIndices, 8);
    const inUse = backend.memory().liveTensors;
    for (const kernel of ['plan', 'permute', 'reduce']) {
      backend.failingKernel = kernel;
      const call = {
        plan: () => planDispatch(topKIndices, 8),
        permute: () => permuteRows(x, plan),
        reduce: () =>
          moeReduce(backend.made[2], expertScalesFloat, plan.permuteIndicesPerToken, topKIndices, {}),
      }[kernel] as () => unknown;
      if (kernel === 'reduce') backend.made[2] = backend.empty([6, 4], 'float32');
      expect(call).toThrow(`${kernel} failed`);
    }
    expect(backend.memory().liveTensors).toBe(inUse + 1);
    expect([topKIndices.disposed, expertScalesFloat.disposed, x.disposed]).toEqual([false, false, false]);
  });

  it('leaves the caller results alone when it fails', () => {
    const { backend, x, gating } = inputs();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    backend.failingKernel = 'plan';
    expect(() => moeDispatch(x, gating, { moeTopk: 2, out })).toThrow('plan failed');
    expect(Object.values(out).some((tensor) => tensor.disposed)).toBe(false);
  });

  it('disposes all six results at once', () => {
    const { backend, x, gating } = inputs();
    const before = backend.memory();
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    expect(backend.memory().liveTensors).toBe(before.liveTensors + 6);
    out.dispose();
    out.dispose();
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
