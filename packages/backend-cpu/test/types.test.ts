import {
  type Backend,
  type BackendFactory,
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepareDispatch,
  routeTokens,
  selectBackend,
  type Tensor,
} from '@moe-dispatch/core';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { CpuBackend, CpuTensor, cpu } from '../src/index.js';

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
    class OtherBackend extends CpuBackend {
      readonly other = true;
    }
    const other: BackendFactory<OtherBackend> = { name: 'other', create: () => new OtherBackend(null) };
    const backend = await selectBackend([other, cpu()]);
    const size = { tokens: 1, hidden: 1, numExperts: 1, dtype: 'float32', moeTopk: 1 } as const;
    const prepared = prepareDispatch(backend, size);
    const x = backend.tensor(Float32Array.of(5), [1, 1], 'float32');
    using out = moeDispatch(x, x, { moeTopk: 1 });
    prepared.run(x, x, out);
    expect([...(await out.permuteInput.read())]).toEqual([5]);
    expect(backend instanceof OtherBackend && backend.other).toBe(true);
  });

  it('let wrap take what any of several kinds takes', async () => {
    class GpuTensor extends CpuTensor {
      declare readonly tensorClass?: GpuTensor;
    }
    class GpuMemory {
      readonly buffer = 1;
    }
    type Gpu = Backend<GpuTensor, GpuMemory>;
    const missing: BackendFactory<Gpu> = {
      name: 'gpu',
      create() {
        throw new Error('no GPU');
      },
    };
    const backend = await selectBackend([missing, cpu()]);
    expectTypeOf(backend.wrap<'float32'>)
      .parameter(0)
      .toEqualTypeOf<GpuMemory | ArrayBufferView>();
    const wrapped = backend.wrap(Float32Array.of(1, 2), [2], 'float32');
    expect(await wrapped.toNumbers()).toEqual([1, 2]);
  });

  it('let a function be generic over tensors', async () => {
    function layer<T extends Tensor>(x: T, gating: Tensor, experts: (rows: T) => T): T {
      const out = moeDispatch(x, gating, { moeTopk: 1 });
      const plan = planDispatch(out.topKIndices, gating.shape[1]);
      const rows = permuteRows(x, plan);
      return moeReduce(experts(rows), out, { normTopkProb: true });
    }
    const backend = await selectBackend([cpu()]);
    const x = backend.tensor([
      [1, 2],
      [3, 4],
    ]);
    const y = layer(x, x, (rows) => rows);
    expectTypeOf(y).toEqualTypeOf(x);
    expect(await y.toNumbers()).toEqual([1, 2, 3, 4]);
  });

  it('pair arrays with dtypes', async () => {
    const backend = await selectBackend([cpu()]);
    expectTypeOf(backend.tensor(Int8Array.of(1), [1]).dtype).toEqualTypeOf<'int8'>();
    expectTypeOf(backend.tensor([1]).dtype).toEqualTypeOf<'float32'>();
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'data' });
    // @ts-expect-error int32 has an Int32Array
    expect(() => backend.tensor(Float32Array.of(1), [1], 'int32')).toThrow(invalid);
    // @ts-expect-error float32 has a Float32Array
    expect(() => backend.tensor(Uint16Array.of(1), [1], 'float32')).toThrow(invalid);
    // @ts-expect-error raw words may be float16 or bfloat16
    expect(() => backend.tensor(Uint16Array.of(1), [1])).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DTYPE', argument: 'dtype' }),
    );
    // @ts-expect-error the shape comes second
    expect(() => backend.tensor(Float32Array.of(1), 'float32')).toThrow(
      expect.objectContaining({ code: 'INVALID_SHAPE', argument: 'shape' }),
    );
  });

  it('complete a backend to what users call', () => {
    expectTypeOf<keyof CpuBackend & string>().toEqualTypeOf<
      'info' | 'skipped' | 'preparedTypes' | 'tensor' | 'empty' | 'wrap' | 'memory' | 'dispose'
    >();
  });
});
