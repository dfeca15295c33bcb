import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { cuda } from '../../src/index.js';

const BUSY = new URL('../support/busy-worker.mjs', import.meta.url);
const TOTAL = 4096 * 6;

/** Without vitest's own conditions, which lead to sources. */
const busyWorker = () => new Worker(BUSY, { execArgv: [] });

/** The first `count` messages of a worker; an error of it rejects. */
function messages(worker: Worker, count: number): Promise<number[]> {
  const received: number[] = [];
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: number) => {
      received.push(message);
      if (received.length === count) resolve(received);
    });
  });
}

it('several Workers use the device at once', async () => {
  const workers = Array.from({ length: 4 }, busyWorker);
  const rounds = await Promise.all(workers.map((worker) => messages(worker, 100)));
  for (const round of rounds) expect(round.every((sum) => sum === TOTAL)).toBe(true);
  await Promise.all(workers.map((worker) => worker.terminate()));
});

it('a Worker terminated in mid-flight leaves the others and the device alone', async () => {
  const stays = busyWorker();
  for (let i = 0; i < 5; i++) {
    const dies = busyWorker();
    await messages(dies, 1 + i);
    await dies.terminate();
  }
  expect((await messages(stays, 20)).every((sum) => sum === TOTAL)).toBe(true);
  await stays.terminate();
  const backend = await cuda().create();
  const tensor = backend.tensor(Int32Array.of(1), [1], 'int32');
  expect([...((await tensor.read()) as Int32Array)]).toEqual([1]);
  backend.dispose();
});

it.each([
  ['process.exit', ['exit'], 7],
  ['the end of the script', [], 0],
])('a process ends cleanly by %s with work in flight', (_, args, status) => {
  const result = spawnSync(process.execPath, [fileURLToPath(BUSY), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ status: result.status, signal: result.signal, stderr: result.stderr }).toEqual({
    status,
    signal: null,
    stderr: '',
  });
});
