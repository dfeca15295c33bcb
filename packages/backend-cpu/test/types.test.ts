import {
  type BackendFactory,
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepareDispatch,
  routeTokens,
  selectBackend,
} from '@moe-dispatch/core';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type CpuBackend, type CpuTensor, cpu } from '../src/index.js';

// What these check is that they compile: `pnpm check` runs tsc over them.
describe('the types', () => {
  it('follow a tensor through every operation', async () => {
    const backend = await selectBackend([cpu()]);
    const x = backend.tensor(Float32Array.of(1, 2, 3, 4), [2, 2], 'float32');
    const gating = backend.tensor(Float32Array.of(1, 2, 2, 1), [2, 2], 'float32');
    const out = moeDispatch(x, gating, { moeTopk: 1 });
    expectTypeOf(await out.tokenNumsPerExpert.read()).toEqualTypeOf<BigInt64Array<ArrayBuffer>>();
    expectTypeOf(await out.permuteInput.read()).toEqualTypeOf<Float32Array<ArrayBuffer>>();
    expectTypeOf(out.topKIndices.data).toEqualTypeOf<Int32Array<ArrayBuffer>>();

    const routing = routeTokens(gating, { moeTopk: 1 });
    const plan = planDispatch(routing.topKIndices, 2);
    expectTypeOf(await plan.expertOffsets.read()).toEqualTypeOf<Int32Array<ArrayBuffer>>();
    const scales = permuteRows(routing.expertScalesFloat, plan);
    expectTypeOf(scales).toExtend<CpuTensor>();
    const y = moeReduce(
      out.permuteInput,
      out.expertScalesFloat,
      out.permuteIndicesPerToken,
      out.topKIndices,
      {
        normTopkProb: true,
      },
    );
    expect([...(await y.read())]).toEqual([1, 2, 3, 4]);
    moeDispatch(x, out.expertScalesFloat, { moeTopk: 1 }).dispose();
  });

  it('take a backend of several kinds', async () => {
    class OtherBackend extends (await import('../src/index.js')).CpuBackend {
      readonly other = true;
    }
    const other: BackendFactory<OtherBackend> = { name: 'other', create: () => new OtherBackend(null) };
    const backend = await selectBackend([other, cpu()]);
    const size = { tokens: 1, hidden: 1, numExperts: 1, dtype: 'float32', moeTopk: 1 } as const;
    const prepared = prepareDispatch(backend as OtherBackend | CpuBackend, size);
    const x = backend.tensor(Float32Array.of(5), [1, 1], 'float32');
    using out = moeDispatch(x, x, { moeTopk: 1 });
    prepared.run(x, x, out);
    expect([...(await out.permuteInput.read())]).toEqual([5]);
  });
});
