import { CaseRunner } from '../case-runner.js';
import { folderFixtures } from '../folder-fixtures.js';
import { loadBackend, unusable } from '../load-backend.js';
import { loadKit } from '../load-kit.js';
import type { CaseResult } from '../report.js';
import { collectCases } from '../run.js';
import type { RunInput } from './messages.js';
import type { Channel } from './tasks.js';

/** Runs cases, each with its time limit. */
export async function runCases(input: RunInput, channel: Channel<'run'>): Promise<void> {
  const { fixtures: folder, filter = '', seed, random, timeout, first } = input;
  const cases = collectCases({
    ...(folder === undefined ? {} : { fixtures: await folderFixtures(folder) }),
    filter,
    ...(seed === undefined ? {} : { seed }),
    ...(random === undefined ? {} : { random }),
  });
  const runner = await createRunner(input.backend);
  await channel.ready(runner.header);
  for (let index = first; index < cases.length; index++) {
    await channel.begin(index);
    // Without a signal, a run has an outcome.
    const { result, errors } = (await runner.run(cases[index], timeout))!;
    const error = await channel.takeUncaught();
    const judged: CaseResult = error === undefined ? result : { ...result, status: 'failed', error };
    await channel.result({ result: judged, errors: errors.toReport() });
  }
  runner.dispose();
}

async function createRunner(backend: string): Promise<CaseRunner> {
  try {
    return await CaseRunner.create(await loadBackend(backend), await loadKit(backend));
  } catch (error) {
    throw unusable(backend, error);
  }
}
