import {
  moeDispatch,
  permuteRows,
  prepare,
  prepareDispatch,
  type Router,
  selectBackend,
} from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { type CpuBackend, cpu } from '../src/index.js';
import { MemoryPool } from '../src/memory-pool.js';
import { countAllocations } from './count-allocations.js';

function random(length: number): Float32Array {
  return Float32Array.from({ length }, () => Math.random() - 0.5);
}

function dispatchTensors(backend: CpuBackend, [T, D, E]: readonly number[]) {
  return {
    x: backend.tensor(random(T * D), [T, D], 'float32'),
    gating: backend.tensor(random(T * E), [T, E], 'float32'),
  };
}

describe('MemoryPool', () => {
  it('gives memory of nearly the same size again', () => {
    const pool = new MemoryPool(null);
    const block = pool.acquire(1010);
    pool.release(block);
    expect(pool.pooledBytes).toBe(block.capacity);
    expect(pool.acquire(970)).toBe(block);
    expect(pool.pooledBytes).toBe(0);
  });

  it('keeps both of two sizes that take turns', () => {
    const pool = new MemoryPool(null);
    const large = pool.acquire(1e6);
    pool.release(large);
    const little = pool.acquire(1000);
    pool.release(little);
    expect(pool.acquire(1e6)).toBe(large);
    expect(pool.acquire(1000)).toBe(little);
  });

  it.each([0, 1, 63, 64, 65, 511, 513, 1000, 4097, 1e6 + 1, 2 ** 31 - 1])(
    'wastes at most an eighth, or 64 bytes: %i',
    (byteLength) => {
      const { capacity } = new MemoryPool(null).acquire(byteLength);
      expect(capacity).toBeGreaterThanOrEqual(byteLength);
      expect(capacity).toBeLessThanOrEqual(Math.max(byteLength + 64, byteLength * 1.125));
    },
  );

  it('never keeps and lends more than twice what was ever live', () => {
    const pool = new MemoryPool(null);
    const live: ReturnType<MemoryPool['acquire']>[] = [];
    let liveBytes = 0;
    let peak = 0;
    let seed = 1;
    for (let step = 0; step < 3000; step++) {
      seed = (seed * 48271) % 2147483647;
      if (seed % 5 < 3 && step % 100 < 90) {
        live.push(pool.acquire(seed % 100_000));
        liveBytes += live[live.length - 1].capacity;
      } else if (live.length > 0) {
        const [block] = live.splice(seed % live.length, 1);
        liveBytes -= block.capacity;
        pool.release(block);
      }
      peak = Math.max(peak, liveBytes);
      expect(liveBytes + pool.pooledBytes).toBeLessThanOrEqual(2 * peak);
    }
    expect(pool.pooledBytes).toBeGreaterThan(0);
  });
});

describe('countAllocations', () => {
  it('counts every object, also one that is garbage at once', async () => {
    const bytes = new Uint8Array(8);
    const manyViews = () => {
      for (let i = 0; i < 10_000; i++) bytes.subarray(4).fill(1);
    };
    expect(await countAllocations(manyViews)).toBeGreaterThanOrEqual(10_000);
  });
});

/** The compiler allocates, too, and how many rounds it works on the runs depends on the machine's load. */
async function fewestAllocations(manyRuns: () => void, runs: number): Promise<number> {
  let objects = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 30 && objects >= runs / 2; round++) objects = await countAllocations(manyRuns);
  return objects;
}

describe('CpuBackend', () => {
  it('stays where it is over 10,000 dispatches', async () => {
    const backend = await selectBackend([cpu()]);
    const { x, gating } = dispatchTensors(backend, [16, 32, 8, 2]);
    moeDispatch(x, gating, { moeTopk: 2 }).dispose();
    const before = backend.memory();
    for (let i = 0; i < 10_000; i++) moeDispatch(x, gating, { moeTopk: 2 }).dispose();
    expect(backend.memory()).toEqual(before);
    expect(before.pooledBytes).toBeGreaterThan(0);
    backend.dispose();
    expect(backend.memory().pooledBytes).toBe(0);
  });

  describe.each([
    ['WebAssembly', {}],
    ['JavaScript', { simd: false }],
  ])('routing in %s', (_, cpuOptions) => {
    it.each([
      // Tokens, hidden, experts, top-k.
      { sizes: [1, 4096, 8, 2], mode: {}, runs: 40_000 },
      { sizes: [64, 16, 64, 6], mode: {}, runs: 1000 },
      { sizes: [64, 16, 64, 4], mode: { groupMoe: true }, runs: 1000 },
      // Several times what the kernel takes at once.
      { sizes: [700, 8, 64, 2], mode: {}, runs: 300 },
    ])('allocates nothing in a prepared run: $sizes, $mode', async ({ sizes, mode, runs }) => {
      const backend = await selectBackend([cpu(cpuOptions)]);
      const { x, gating } = dispatchTensors(backend, sizes);
      const [tokens, hidden, numExperts, moeTopk] = sizes;
      const shape = { tokens, hidden, numExperts, dtype: 'float32', moeTopk } as const;
      // Up to more tokens than are run.
      const prepared = prepareDispatch(backend, { ...shape, ...mode, tokens: tokens + 1 });
      const out = prepared.outputs(tokens);
      expect(prepared.workspaceBytes).toBeGreaterThan(0);
      const manyRuns = () => {
        for (let i = 0; i < runs; i++) prepared.run(x, gating, out);
      };
      expect(await fewestAllocations(manyRuns, runs)).toBeLessThan(runs / 2);
      prepared.dispose();
    });

    it.each([
      {
        gatingDtype: 'float32' as const,
        router: {
          ...{ topK: 4, scoringFunc: 'sigmoid', normTopkProb: true, routedScalingFactor: 2.5 },
          ...{ nGroup: 4, topkGroup: 2, groupScoreFunc: 'top2_sum' },
        } satisfies Router,
        tensors: ['eScoreCorrectionBias', 'perExpertScale', 'sharedLogits', 'tokenMask'] as const,
      },
      {
        gatingDtype: 'bfloat16' as const,
        router: { topK: 2, expertCapacity: 9, dropPolicy: 'probs' } satisfies Router,
        tensors: [] as const,
      },
      {
        gatingDtype: 'float32' as const,
        router: { topK: 2, selection: 'sparsemixer' } satisfies Router,
        tensors: [] as const,
      },
    ])('allocates nothing in a prepared run: $gatingDtype, $router', async (options) => {
      const backend = await selectBackend([cpu(cpuOptions)]);
      const [tokens, numExperts] = [64, 16];
      const sharedExperts = options.tensors.length > 0 ? 1 : undefined;
      const prepared = prepare(backend, 'routeTokens', { ...options, tokens, numExperts, sharedExperts });
      const gating = backend.empty([tokens, numExperts], options.gatingDtype);
      const given = {
        eScoreCorrectionBias: backend.tensor(random(numExperts), [numExperts], 'float32'),
        perExpertScale: backend.tensor(random(numExperts), [numExperts], 'float32'),
        sharedLogits: backend.tensor(random(tokens), [tokens, 1], 'float32'),
        tokenMask: backend.tensor(new Uint8Array(tokens).fill(1, 3), [tokens], 'uint8'),
      };
      const names: readonly (keyof typeof given)[] = options.tensors;
      const tensors = Object.fromEntries(names.map((name) => [name, given[name]]));
      const out = prepared.outputs();
      const runs = 1000;
      const manyRuns = () => {
        for (let i = 0; i < runs; i++) prepared.run(gating, out, tensors);
      };
      expect(await fewestAllocations(manyRuns, runs)).toBeLessThan(runs / 2);
      prepared.dispose();
    });
  });

  it('allocates nothing in a prepared moeReduce, of numbers of tokens that take turns', async () => {
    const backend = await selectBackend([cpu()]);
    const { x, gating } = dispatchTensors(backend, [7, 32, 8]);
    const sizes = { tokens: 7, hidden: 32, moeTopk: 2, dtype: 'float32', normTopkProb: true } as const;
    const prepared = prepare(backend, 'moeReduce', sizes);
    const fewer = [backend.tensor(random(96), [3, 32]), backend.tensor(random(24), [3, 8])] as const;
    const [all, three] = [moeDispatch(x, gating, { moeTopk: 2 }), moeDispatch(...fewer, { moeTopk: 2 })];
    const [sums, threeSums] = [prepared.outputs(), prepared.outputs(3)];
    const reduce = (out: typeof all, into: typeof sums) => {
      const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
      prepared.run(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, null, into);
    };
    const manyRuns = () => {
      for (let i = 0; i < 5000; i++) {
        reduce(all, sums);
        reduce(three, threeSums);
      }
    };
    expect(await fewestAllocations(manyRuns, 5000)).toBeLessThan(2500);
  });

  it('lends aligned memory after a workspace of any size', async () => {
    const backend = await selectBackend([cpu({ threads: 1 })]);
    // Rows that are written in order, by a list of 4 · 1001 tokens.
    const { x, gating } = dispatchTensors(backend, [1001, 1024, 4]);
    for (let i = 0; i < 2; i++) moeDispatch(x, gating, { moeTopk: 4 });
    for (let bytes = 8; bytes < 4096; bytes *= 2) {
      expect(backend.empty([bytes / 8], 'int64').byteOffset % 64).toBe(0);
    }
  });

  it('frees memory that no engine has as a typed error, and works on', async () => {
    const backend = await selectBackend([cpu()]);
    expect(() => backend.empty([2 ** 46], 'float32')).toThrow(
      expect.objectContaining({ code: 'OUT_OF_MEMORY', argument: 'memory' }),
    );
    expect(backend.memory()).toEqual({ liveTensors: 0, liveBytes: 0, pooledBytes: 0 });
    expect(await backend.tensor(new Float32Array([1]), [1], 'float32').read()).toEqual(new Float32Array([1]));
  });
});

describe('a CPU tensor', () => {
  it('shows its elements without a copy, also where its memory is larger', async () => {
    const backend = await selectBackend([cpu()]);
    const tensor = backend.tensor(random(17), [17], 'float32');
    expect(tensor.data).toHaveLength(17);
    (tensor.data as Float32Array)[3] = 42;
    expect((await tensor.read())[3]).toBe(42);
    tensor.dispose();
    expect(() => tensor.data).toThrow(expect.objectContaining({ code: 'TENSOR_DISPOSED' }));
  });

  it('that borrows sees the caller write, and writes for the caller', async () => {
    const backend = await selectBackend([cpu()]);
    const native = new Uint16Array(24).subarray(3, 15);
    const tensor = backend.wrap(native, [3, 4], 'bfloat16');
    native.fill(7);
    expect([...(await tensor.read())]).toEqual(new Array(12).fill(7));
    const plan = { permuteIndicesPerToken: backend.tensor(new Int32Array([2, 0, 1]), [1, 3], 'int32') };
    native.set([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    const target = new Uint16Array(13);
    permuteRows(tensor, plan, {
      out: { permuteInput: backend.wrap(target.subarray(1), [3, 4], 'bfloat16') },
    });
    expect([...target]).toEqual([0, 2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1]);
    expect(backend.memory().liveBytes).toBe(12);
  });

  it('takes shared memory, and reads it into memory of its own', async () => {
    const backend = await selectBackend([cpu()]);
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(2);
    const values = await backend.wrap(shared, [2, 2], 'float32').read();
    expect(values).toEqual(new Float32Array([2, 2, 2, 2]));
    expect(values.buffer).toBeInstanceOf(ArrayBuffer);
  });

  it('whose memory was detached is refused', async () => {
    const backend = await selectBackend([cpu()]);
    const native = new Float32Array(8);
    const gating = backend.wrap(native, [1, 8], 'float32');
    structuredClone(native.buffer, { transfer: [native.buffer] });
    const x = backend.tensor(random(4), [1, 4], 'float32');
    expect(() => moeDispatch(x, gating, { moeTopk: 1 })).toThrow(
      expect.objectContaining({ code: 'BUFFER_TOO_SMALL', argument: 'gatingOutput' }),
    );
    await expect(gating.read()).rejects.toMatchObject({ code: 'BUFFER_TOO_SMALL' });
  });
});
