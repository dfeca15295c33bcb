// Run in a separate process by task-process.ts, which ends it if a backend blocks or crashes it.
import { Worker } from 'node:worker_threads';
import { isMoeDispatchError } from '@moe-dispatch/core';
import { ConformanceError } from '../conformance-error.js';
import { type DescribedError, describeError, errorText } from '../describe-error.js';
import type { ChildMessage, ChildRequest, Envelope, TaskName } from './messages.js';
import { type Channel, TASKS } from './tasks.js';

process.once('message', (request) => void runTask(request as ChildRequest));
// Ctrl-C reaches every process of the terminal. The parent decides what becomes of this one.
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit());
new Worker(new URL('../watch-parent.js', import.meta.url)).unref();
// What a backend prints may have no reader.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** What the backend threw while nobody was waiting: in a timer, or in a promise that it dropped. */
const uncaught: DescribedError[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => uncaught.push(describeError(error)));
}

async function runTask<T extends TaskName>({ token, task, input }: ChildRequest<T>): Promise<void> {
  const channel: Channel<T> = {
    ready: (header) => send(token, { kind: 'ready', header }),
    begin: (index) => send(token, { kind: 'begin', index }),
    result: (result) => send(token, { kind: 'result', result }),
    takeUncaught: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return uncaught.splice(0)[0];
    },
  };
  try {
    await TASKS[task](input, channel);
    await send(token, { kind: 'done' });
  } catch (error) {
    const worded = error instanceof ConformanceError || isMoeDispatchError(error);
    await send(token, { kind: 'failed', message: worded ? error.message : errorText(error) });
  }
  // What the backend left behind, such as an open handle, would keep the process alive.
  process.exit();
}

function send(token: string, message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.({ token, message } satisfies Envelope, () => resolve());
  });
}
