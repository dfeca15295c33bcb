// Run in a separate process by run-isolated.ts, which ends it if a case blocks or crashes it.
import { Worker } from 'node:worker_threads';
import { CaseRunner, describeError } from '../case-runner.js';
import { ConformanceError } from '../conformance-error.js';
import { folderFixtures } from '../folder-fixtures.js';
import { loadBackend } from '../load-backend.js';
import { loadKit } from '../load-kit.js';
import type { CaseResult } from '../report.js';
import { collectCases } from '../run.js';
import type { ChildMessage, ChildRequest, Envelope } from './messages.js';

process.once('message', (request) => void runRequest(request as ChildRequest));
// Ctrl-C reaches every process of the terminal. The parent decides what becomes of this one.
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit());
new Worker(new URL('../watch-parent.js', import.meta.url)).unref();

/** What the backend threw while nobody was waiting: in a timer, or in a promise that it dropped. */
const uncaught: CaseResult['error'][] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => uncaught.push(describeError(error)));
}

async function runRequest(request: ChildRequest): Promise<void> {
  try {
    await runCases(request);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message =
      error instanceof ConformanceError ? reason : `'${request.backend}' does not work here: ${reason}`;
    await send(request.token, { kind: 'failed', message });
  }
  // What the backend left behind, such as an open handle, would keep the process alive.
  process.exit();
}

async function runCases(request: ChildRequest): Promise<void> {
  const { token, backend, fixtures: folder, timeout, first, ...rest } = request;
  const { filter = '', seed, random } = rest;
  const cases = collectCases({
    ...(folder === undefined ? {} : { fixtures: await folderFixtures(folder) }),
    filter,
    ...(seed === undefined ? {} : { seed }),
    ...(random === undefined ? {} : { random }),
  });
  const runner = await CaseRunner.create(await loadBackend(backend), await loadKit(backend));
  await send(token, { kind: 'ready', ...runner.header });
  for (let index = first; index < cases.length; index++) {
    // Sent before the case begins, because a case that blocks would keep it from being sent.
    await send(token, { kind: 'begin', index });
    // Without a signal, a run has an outcome.
    const { result, errors } = (await runner.run(cases[index], timeout))!;
    await new Promise((resolve) => setImmediate(resolve));
    const [error] = uncaught.splice(0);
    const judged: CaseResult = error === undefined ? result : { ...result, status: 'failed', error };
    await send(token, { kind: 'result', result: judged, errors: errors.toReport() });
  }
  runner.dispose();
  await send(token, { kind: 'done' });
}

function send(token: string, message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.({ token, message } satisfies Envelope, () => resolve());
  });
}
