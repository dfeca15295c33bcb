import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { moeDispatch, moeReduce, selectBackend } from '@moe-dispatch/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type CpuBackend, cpu } from '../src/index.js';
import { randomNumbers } from './random-routing.js';

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');
const RealWorker = threads.Worker;
afterEach(() => {
  threads.Worker = RealWorker;
});

/** Workers started from now on are in the list, with a source that `change` may alter. */
function watchWorkers(change = (source: string) => source) {
  const workers: InstanceType<typeof RealWorker>[] = [];
  threads.Worker = class extends RealWorker {
    constructor(source: string, options: object) {
      super(change(source), options);
      workers.push(this);
    }
  } as never;
  return workers;
}

const [T, D, E, K] = [2048, 256, 32, 4];
const random = randomNumbers(7);
const ROWS = Float32Array.from({ length: T * D }, () => random() - 0.5);
const LOGITS = Float32Array.from({ length: T * E }, () => random() - 0.5);

/** The hash of what a dispatch and a reduce give that are worth sharing. */
function hashOf(backend: CpuBackend) {
  const x = backend.tensor(ROWS, [T, D]);
  const gating = backend.tensor(LOGITS, [T, E]);
  const out = moeDispatch(x, gating, { moeTopk: K });
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  const sums = moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices);
  const tensors = [permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, sums];
  const hash = createHash('sha256');
  for (const { data } of tensors) hash.update(data.slice());
  for (const tensor of [x, gating, ...tensors, out.expertOffsets, out.tokenNumsPerExpert]) tensor.dispose();
  return hash.digest('hex');
}

const alone = await selectBackend([cpu({ threads: 1 })]);
const expected = hashOf(alone);
const ended = (worker: InstanceType<typeof RealWorker>) =>
  new Promise((resolve) => worker.once('exit', resolve));

describe('threads', () => {
  it.each([2, 3, 5])('%i give the same bytes', async (count) => {
    const workers = watchWorkers();
    const backend = await selectBackend([cpu({ threads: count })]);
    expect(backend.info.device).toBe(`WebAssembly SIMD, ${count} threads`);
    for (let i = 0; i < 20; i++) {
      expect(hashOf(backend)).toEqual(expected);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(workers).toHaveLength(count - 1);
    backend.dispose();
  });

  it('start with the first large call, and end with the backend', async () => {
    const workers = watchWorkers();
    const backend = await selectBackend([cpu({ threads: 2 })]);
    moeDispatch(backend.tensor([[1, 2]]), backend.tensor([[0, 1]]), { moeTopk: 1 });
    expect(workers).toHaveLength(0);
    hashOf(backend);
    expect(workers).toHaveLength(1);
    const end = ended(workers[0]);
    backend.dispose();
    await end;
  });

  it('that end between two calls are replaced', async () => {
    const workers = watchWorkers();
    const backend = await selectBackend([cpu({ threads: 2 })]);
    hashOf(backend);
    const end = ended(workers[0]);
    void workers[0].terminate();
    // The end is under way, and nobody knows yet.
    expect(hashOf(backend)).toEqual(expected);
    await end;
    expect(hashOf(backend)).toEqual(expected);
    expect(workers).toHaveLength(2);
    backend.dispose();
  });

  it('that end in the middle of a call make it fail, and the next one works', async () => {
    // Takes a chunk, as wasm/job.ts does, and ends.
    const deserter = `const { workerData: { memory } } = process.getBuiltinModule('node:worker_threads');
      const words = new Int32Array(memory.buffer);
      for (;;) {
        const open = Atomics.load(words, 32);
        if (open > 0 && Atomics.compareExchange(words, 32, open, open - 1) === open) process.exit();
      }`;
    const workers = watchWorkers((source) => (workers.length === 0 ? deserter : source));
    const backend = await selectBackend([cpu({ threads: 2 })]);
    const failed = expect.objectContaining({
      name: 'DeviceError',
      code: 'DEVICE_ERROR',
      argument: 'threads',
    });
    expect(() => {
      for (let i = 0; i < 1000 && workers.length < 2; i++) hashOf(backend);
    }).toThrow(failed);
    for (let i = 0; i < 5; i++) expect(hashOf(backend)).toEqual(expected);
    expect(workers).toHaveLength(2);
    expect(backend.memory().liveTensors).toBeGreaterThan(0);
    backend.dispose();
  });

  it('that fail in the middle of a call make it fail at once', async () => {
    const failing =
      'const words = new Int32Array(memory.buffer); while (Atomics.load(words, 32) === 0); throw 1;';
    const workers = watchWorkers((source) =>
      workers.length === 0 ? source.replace('serve(thread);', failing) : source,
    );
    const backend = await selectBackend([cpu({ threads: 2 })]);
    const start = performance.now();
    expect(() => {
      for (let i = 0; i < 1000; i++) hashOf(backend);
    }).toThrow(expect.objectContaining({ code: 'DEVICE_ERROR' }));
    expect(performance.now() - start).toBeLessThan(8000);
    expect(hashOf(backend)).toEqual(expected);
    backend.dispose();
  });

  it('that cannot start leave the work to the caller', async () => {
    const workers = watchWorkers(() => 'throw new Error("no workers here")');
    const backend = await selectBackend([cpu({ threads: 2 })]);
    for (let i = 0; i < 6; i++) {
      expect(hashOf(backend)).toEqual(expected);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(workers).toHaveLength(3);
    backend.dispose();
  });
});
