import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { moeDispatch, moeReduce, selectBackend } from '@moe-dispatch/core';
import { build } from 'esbuild';
import { afterEach, expect, it } from 'vitest';
import { type CpuBackend, cpu } from '../src/index.js';
import { randomNumbers } from './random-routing.js';

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');
const RealWorker = threads.Worker;
afterEach(() => {
  threads.Worker = RealWorker;
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ROUNDS = 450;
/** Tokens and hidden: calls of one thread and of two take turns. */
const SIZES = [
  [1, 4096],
  [400, 256],
  [37, 64],
  [64, 2048],
  [3, 5],
  [700, 100],
  [256, 129],
] as const;
const [E, K] = [16, 3];

const random = randomNumbers(1);
const numbers = (length: number) => Float32Array.from({ length }, () => random() - 0.5);
const CASES = SIZES.map(([tokens, hidden]) => {
  return { tokens, hidden, rows: numbers(tokens * hidden), logits: numbers(tokens * E) };
});

/** The bytes of what a dispatch and a reduce give; every tensor is disposed again. */
function sumsOf(backend: CpuBackend, { tokens, hidden, rows, logits }: (typeof CASES)[number]): Buffer {
  using x = backend.tensor(rows, [tokens, hidden]);
  using gating = backend.tensor(logits, [tokens, E]);
  using out = moeDispatch(x, gating, { moeTopk: K });
  using sums = moeReduce(out.permuteInput, out);
  return Buffer.from(sums.data.slice().buffer);
}

it('thousands of calls by two threads, and ends of workers between them, leave nothing behind', async () => {
  const workers: InstanceType<typeof RealWorker>[] = [];
  threads.Worker = class extends RealWorker {
    constructor(source: string, options: object) {
      super(source, options);
      workers.push(this);
    }
  } as never;
  const alone = await selectBackend([cpu({ threads: 1 })]);
  const expected = CASES.map((size) => sumsOf(alone, size));
  const backend = await selectBackend([cpu({ threads: 2 })]);
  using probe = backend.empty([1], 'float32');
  const ends: Promise<unknown>[] = [];
  const usage = async () => {
    // What the first finds dead, the next ones free.
    for (let i = 0; i < 4; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { heapUsed, arrayBuffers, ...backend.memory(), memory: probe.memory.byteLength };
  };
  const run = async (first: number, last: number) => {
    for (let round = first; round < last; round++) {
      const right = CASES.map((size, i) => sumsOf(backend, size).equals(expected[i]));
      expect(right).not.toContain(false);
      // A worker starts meanwhile, or hears of its end.
      await new Promise(setImmediate);
    }
  };
  await run(0, ROUNDS / 3);
  const before = await usage();
  for (const third of [1, 2]) {
    const worker = workers[third - 1];
    ends.push(new Promise((resolve) => worker.once('exit', resolve)));
    await worker.terminate();
    await run((third * ROUNDS) / 3, ((third + 1) * ROUNDS) / 3);
  }
  const after = await usage();
  const { liveTensors, liveBytes, pooledBytes, memory } = before;
  expect(after).toMatchObject({ liveTensors, liveBytes, pooledBytes, memory });
  // The engine and the test runner come and go by a quarter of a MiB.
  expect(after.heapUsed - before.heapUsed).toBeLessThan(2 ** 19);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 12);
  expect(workers).toHaveLength(3);
  ends.push(new Promise((resolve) => workers[2].once('exit', resolve)));
  backend.dispose();
  await Promise.all(ends);
}, 60_000);

it('a backend that nobody disposes lets its process end', async () => {
  const program = `
    import { moeDispatch, selectBackend } from '@moe-dispatch/core';
    import { cpu } from './src/index.js';
    const backend = await selectBackend([cpu({ threads: 2 })]);
    const x = backend.empty([4096, 256], 'float32');
    for (let i = 0; i < 5; i++) moeDispatch(x, backend.tensor(new Float32Array(8192), [4096, 2]), { moeTopk: 2 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(backend.info.device);
    // Else workers end when the backend is collected.
    globalThis.kept = backend;`;
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: new URL('..', import.meta.url).pathname },
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', target: 'es2022' },
    conditions: ['@moe-dispatch/source'],
  });
  const options = { input: outputFiles[0].text, encoding: 'utf8', timeout: 15_000 } as const;
  const child = spawnSync(process.execPath, ['--input-type=module'], options);
  expect(child).toMatchObject({ status: 0, signal: null, stdout: 'WebAssembly SIMD, 2 threads\n' });
}, 20_000);
