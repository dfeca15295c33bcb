import {
  isMoeDispatchError,
  moeDispatch,
  moeReduce,
  permuteRows,
  prepareDispatch,
  routeTokens,
  selectBackend,
} from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { cpu } from '../src/index.js';

const SIZE = { tokens: 1, hidden: 1, numExperts: 2, dtype: 'float32', moeTopk: 1 } as const;
const code = (code: string, argument?: string) =>
  expect.objectContaining(argument === undefined ? { code } : { code, argument });

async function tensors() {
  const backend = await selectBackend([cpu()]);
  const x = backend.tensor(new Float32Array(24), [4, 6], 'float32');
  const gating = backend.tensor(new Float32Array(32), [4, 8], 'float32');
  return { backend, x, gating };
}

describe('shapes', () => {
  it('with holes are refused, and nothing is counted', async () => {
    const { backend } = await tensors();
    const before = backend.memory();
    expect(() => backend.empty(new Array(2), 'float32')).toThrow(code('INVALID_SHAPE', 'shape'));
    expect(backend.memory()).toEqual(before);
  });

  it('of −0 are 0', async () => {
    const { backend } = await tensors();
    const tensor = backend.tensor(new Float32Array(0), [-0, 4], 'float32');
    expect(Object.is(tensor.shape[0], 0)).toBe(true);
    expect(Object.is(tensor.byteLength, 0)).toBe(true);
  });

  it('do not change', async () => {
    const { backend, x } = await tensors();
    expect(() => {
      (x.shape as number[])[1] = 1e6;
    }).toThrow(TypeError);
    const shape = [2, 2];
    const tensor = backend.empty(shape, 'float32');
    shape[0] = 7;
    expect(tensor.shape).toEqual([2, 2]);
  });

  it('beyond the engine name the limit and leak nothing', async () => {
    const { backend } = await tensors();
    const before = backend.memory();
    // Node 20 has no Uint8Array of this length; where there is one, or no memory, that is as well.
    try {
      backend.empty([2 ** 32 + 8], 'uint8').dispose();
    } catch (error) {
      expect(isMoeDispatchError(error)).toBe(true);
      expect(error).toEqual(code('LIMIT_EXCEEDED', 'shape'));
    }
    const { liveTensors, liveBytes } = backend.memory();
    expect([liveTensors, liveBytes]).toEqual([before.liveTensors, before.liveBytes]);
  });
});

describe('options', () => {
  it('are read once', async () => {
    const { x, gating } = await tensors();
    let reads = 0;
    const options = {
      get moeTopk() {
        return reads++ === 0 ? 2 : 100;
      },
    };
    expect(moeDispatch(x, gating, options).topKIndices.shape).toEqual([4, 2]);
    reads = 0;
    expect(routeTokens(gating, options).topKIndices.shape).toEqual([4, 2]);
  });

  it.each([null, 1, 'simd'])('of cpu() are checked: %j', (options) => {
    expect(() => cpu(options as never)).toThrow(code('INVALID_ARGUMENT', 'options'));
  });

  it('of cpu() take a boolean', () => {
    expect(() => cpu({ simd: 'no' as never })).toThrow(code('INVALID_ARGUMENT', 'simd'));
  });
});

describe('moeReduce', () => {
  it.each([
    [2, 2 ** 40],
    [2 ** 33, 2],
    [2e8, 2],
  ])('of no tokens, %i choices and %i columns is empty at once', async (topK, hidden) => {
    const { backend } = await tensors();
    const empty = (shape: number[], dtype: 'float32' | 'int32') => backend.empty(shape, dtype);
    const reduced = moeReduce(
      empty([0, hidden], 'float32'),
      empty([0, topK], 'float32'),
      empty([topK, 0], 'int32'),
      empty([0, topK], 'int32'),
    );
    expect(reduced.shape).toEqual([0, hidden]);
  });
});

describe('a disposed backend', () => {
  it('prepares nothing and keeps nothing', async () => {
    const { backend, x } = await tensors();
    backend.dispose();
    x.dispose();
    expect(backend.memory().pooledBytes).toBe(0);
    expect(() => prepareDispatch(backend, SIZE)).toThrow(code('BACKEND_DISPOSED'));
  });
});

describe('prepareDispatch', () => {
  it('checks limits as moeDispatch would', async () => {
    const { backend } = await tensors();
    const prepare = (change: object) => () => prepareDispatch(backend, { ...SIZE, ...change });
    expect(prepare({ tokens: 2 ** 20, hidden: 2 ** 52 })).toThrow(code('LIMIT_EXCEEDED', 'tokens'));
    expect(prepare({ numExperts: 2 ** 21 })).toThrow(code('LIMIT_EXCEEDED', 'numExperts'));
  });

  it('lets go of the tensors it ran with', async () => {
    const { backend, x, gating } = await tensors();
    const prepared = prepareDispatch(backend, { ...SIZE, tokens: 4, hidden: 6, numExperts: 8 });
    prepared.run(x, gating, moeDispatch(x, gating, { moeTopk: 1 }));
    const held = JSON.stringify(prepared, (_key, value) => (value === backend ? undefined : value));
    expect(held).not.toContain('"shape"');
  });
});

describe('empty arrays that lost their memory', () => {
  it('are as good as others', async () => {
    const { backend } = await tensors();
    const lost = new Float32Array(4);
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    expect(await backend.tensor(lost, [0], 'float32').read()).toHaveLength(0);
    expect(await backend.wrap(lost, [0], 'float32').read()).toHaveLength(0);
  });
});

describe('a plan of the caller', () => {
  it.each([
    ['repeats a row', [3, 0, 0, 1], 'INVALID_ARGUMENT'],
    ['leaves the range', [3, 0, 4, 1], 'INDEX_OUT_OF_RANGE'],
  ])('that %s is refused before anything is written', async (_what, rows, expected) => {
    const { backend } = await tensors();
    const x = backend.tensor(new Float32Array(8).fill(1), [2, 4], 'float32');
    const plan = { permuteIndicesPerToken: backend.tensor(Int32Array.from(rows), [2, 2], 'int32') };
    const permuteInput = backend.tensor(new Float32Array(16).fill(7), [4, 4], 'float32');
    expect(() => permuteRows(x, plan, { out: { permuteInput } })).toThrow(
      code(expected, 'plan.permuteIndicesPerToken'),
    );
    expect(new Set(permuteInput.data)).toEqual(new Set([7]));
  });
});

describe('expertIds out of range', () => {
  it.each([-2, 8, 2 ** 31 - 1, -(2 ** 31)])('are refused before anything is written: %i', async (id) => {
    const { backend, x, gating } = await tensors();
    const expertIds = backend.tensor(Int32Array.of(0, 1, id, -1), [4, 1]);
    const before = backend.memory().liveTensors;
    for (const router of [
      { topK: 1 },
      { topK: 1, expertCapacity: 1 },
      { topK: 1, routedScalingFactor: 2, zeroExperts: { count: 1, kind: 'skip' } },
    ] as const) {
      const refusal = code('INDEX_OUT_OF_RANGE', 'expertIds');
      expect(() => routeTokens(gating, { router, expertIds })).toThrow(refusal);
      expect(() => moeDispatch(x, gating, { router, expertIds })).toThrow(refusal);
    }
    expect(backend.memory().liveTensors).toBe(before);
  });
});

describe('hostile values', () => {
  it('get the same typed error', async () => {
    const { gating } = await tensors();
    class Loud {}
    Object.defineProperty(Loud.prototype, 'constructor', {
      get() {
        throw new Error('user code');
      },
    });
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    for (const value of [new Loud(), revoked.proxy]) {
      expect(() => moeDispatch(value as never, gating as never, { moeTopk: 1 })).toThrow(
        code('INVALID_ARGUMENT', 'x'),
      );
    }
  });

  it('that call themselves typed arrays are none', async () => {
    const { backend } = await tensors();
    const view = new DataView(new ArrayBuffer(4));
    Object.defineProperty(view, Symbol.toStringTag, { value: 'Float32Array' });
    expect(() => backend.tensor(view as never, [1], 'float32')).toThrow(code('INVALID_ARGUMENT', 'data'));
  });

  it('that lie about their size are measured, and not counted when refused', async () => {
    const { backend } = await tensors();
    class Liar extends Float32Array {
      override get byteLength(): number {
        return 1000;
      }
    }
    const before = backend.memory();
    expect(() => backend.wrap(new Liar(2), [250], 'float32')).toThrow(code('BUFFER_TOO_SMALL', 'native'));
    expect(backend.memory()).toEqual(before);
    expect(await backend.tensor(new Liar(2), [2], 'float32').toNumbers()).toEqual([0, 0]);
  });

  it('in two SharedArrayBuffers of one memory overlap', async () => {
    const { backend } = await tensors();
    const shared = new SharedArrayBuffer(64);
    new Float32Array(shared).set([1, 2, 3, 4, 5, 6, 7, 8]);
    const wrap = (memory: SharedArrayBuffer) => backend.wrap(new Float32Array(memory), [4, 2], 'float32');
    const permuteIndicesPerToken = backend.tensor(Int32Array.of(3, 2, 1, 0), [1, 4]);
    const move = (permuteInput: ReturnType<typeof wrap>) => () =>
      permuteRows(wrap(shared), { permuteIndicesPerToken }, { out: { permuteInput } });
    expect(move(wrap(structuredClone(shared)))).toThrow(code('BUFFER_OVERLAP', 'out.permuteInput'));
    expect([...new Float32Array(shared, 0, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const other = wrap(new SharedArrayBuffer(64));
    move(other)();
    expect(await other.toNumbers()).toEqual([7, 8, 5, 6, 3, 4, 1, 2]);
  });
});
