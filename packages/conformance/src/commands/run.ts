import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Backend, selectBackend } from '@moe-dispatch/core';
import { type FixtureSource, packageFixtures } from '../fixtures.js';
import { loadBackend } from '../load-backend.js';
import type { CaseResult } from '../report.js';
import { formatFailure, formatTotals, repeatOptions } from '../report-text.js';
import { type ConformanceOptions, runConformance } from '../run.js';
import { type Command, naturalNumber, UsageError } from './command.js';
import { OUTPUTS, writeOutputs } from './outputs.js';

const USAGE = `usage: moe-conformance run --backend <module> [options]

  --backend <module>   package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --fixtures <dir>     folder of .safetensors fixtures, instead of this package's own
  --filter <text>      only cases whose id contains the text (or is the text)
  --seed <n>           seed of the first random case (default 1)
  --random <n>         number of random cases (default 50)
  --json <file>        also write the report as JSON
  --junit <file>       … as JUnit XML
  --markdown <file>    … as a summary in Markdown
  --html <file>        … as one HTML page

Exit code: 0 all passed, 1 a case failed or none could be checked, 2 the command or the backend did not work.`;

export const runCommand: Command = {
  name: 'run',
  summary: 'checks one backend',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  if (values.backend === undefined) throw new UsageError('--backend is missing');
  const options: ConformanceOptions = {
    fixtures: values.fixtures === undefined ? packageFixtures : await folderFixtures(values.fixtures),
    onCase: printCase(values.backend, values.fixtures),
    ...(values.filter === undefined ? {} : { filter: values.filter }),
    ...(values.seed === undefined ? {} : { seed: naturalNumber('--seed', values.seed) }),
    ...(values.random === undefined ? {} : { random: naturalNumber('--random', values.random) }),
  };
  const factory = await loadBackend(values.backend);
  // selectBackend words the reason why a backend is not available. The backend itself is made anew for the run.
  const probe: Backend = await selectBackend([factory]);
  probe.dispose();
  const report = await runConformance(factory, options);
  await writeOutputs(values, { reports: [report], module: values.backend });
  console.log(formatTotals(report));
  return report.totals.failed > 0 || report.totals.passed === 0 ? 1 : 0;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        backend: text,
        fixtures: text,
        filter: text,
        seed: text,
        random: text,
        ...OUTPUTS,
        junit: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function folderFixtures(folder: string): Promise<FixtureSource> {
  const extension = '.safetensors';
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    throw new UsageError(`--fixtures: ${(error as Error).message}`);
  }
  const names = files
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .sort();
  if (names.length === 0) throw new UsageError(`--fixtures: no ${extension} file in '${folder}'`);
  return { names, load: (name) => readFile(join(folder, `${name}${extension}`)) };
}

/** Prints failed cases as they come, with the command that repeats them. */
function printCase(backend: string, fixtures: string | undefined): (result: CaseResult) => void {
  const folder = fixtures === undefined ? '' : ` --fixtures ${fixtures}`;
  return (result) => {
    if (result.status !== 'failed') return;
    console.log(formatFailure(result));
    console.log(`  repeat: moe-conformance run --backend ${backend}${folder} ${repeatOptions(result.id)}\n`);
  };
}
