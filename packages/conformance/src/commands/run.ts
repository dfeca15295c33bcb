import { readFile } from 'node:fs/promises';
import { applyExpectations, type Expectations, parseExpectations } from '../expectations.js';
import { packageFixtures } from '../fixtures.js';
import { folderFixtures } from '../folder-fixtures.js';
import type { ChildRequest } from '../isolated/messages.js';
import { runIsolated } from '../isolated/run-isolated.js';
import { formatLevels } from '../levels/levels.js';
import type { CaseResult, ConformanceReport, ErrorHistogram } from '../report.js';
import { causeOf, formatFailure, formatTotals, repeatCommand, shellWord } from '../report-text.js';
import { type CaseSelection, collectCases, DEFAULT_RANDOM, DEFAULT_SEED, makeReport } from '../run.js';
import { DEFAULT_TIMEOUT } from '../time-limit.js';
import { UlpHistograms } from '../ulp-histogram.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, UsageError } from './command.js';
import { OUTPUTS, writeOutputs } from './outputs.js';
import { Progress } from './progress.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance run --backend <module> [options]
       moe-conformance run --command <command line> [options]

  --backend <module>     package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --command <line>       a program that speaks the protocol (docs/protocol.md), e.g. 'python3 my_backend.py'
  --fixtures <dir>       folder of .safetensors fixtures, instead of this package's own
  --filter <text>        only cases whose id contains the text (or is the text)
  --seed <n>             seed of the first random case (default 1)
  --random <n>           number of random cases (default 50)
  --timeout <seconds>    time limit of a case (default ${DEFAULT_TIMEOUT / 1000})
  --expectations <file>  known failures, as JSON (README.md)
  --json <file>          also write the report as JSON
  --junit <file>         … as JUnit XML
  --markdown <file>      … as a summary in Markdown
  --html <file>          … as one HTML page

The cases run in a process of their own. One that blocks or crashes it has failed, and the run goes on in a new one.
Ctrl-C ends the run and still writes the report, with "complete": false.

Exit code: 0 all passed or failed as expected, 1 a case failed or none could be checked, 2 the command or the backend did
not work, 130 ended by Ctrl-C.`;

export const runCommand: Command = {
  name: 'run',
  summary: 'checks one backend',
  usage: USAGE,
  run,
};

type Values = ReturnType<typeof parse>;

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  const [backend, ...others] = values.backend ?? [];
  if (backend === undefined) throw new UsageError('--backend is missing');
  if (others.length > 0) throw new UsageError(`--backend: expected one, found ${others.length + 1}`);
  const selection = await selectionOf(values);
  const stop = stopOnSignals();
  try {
    const report = await runAndShow(backend, values, selection, stop.signal);
    if (report === undefined) {
      console.error('ended before the first case');
      return stop.exitCode() ?? 1;
    }
    const levels = formatLevels(report.levels ?? []);
    if (levels !== '') console.log(levels);
    console.log(formatTotals(report));
    await writeOutputs(values, { reports: [report], module: backend });
    return stop.exitCode() ?? exitCodeOf(report);
  } finally {
    stop.release();
  }
}

function exitCodeOf({ totals }: ConformanceReport): number {
  return totals.failed > 0 || totals.passed + totals.expectedFailures === 0 ? 1 : 0;
}

/** @returns undefined if `signal` came before there was anything to report. */
async function runAndShow(
  backend: string,
  values: Values,
  selection: CaseSelection,
  signal: AbortSignal,
): Promise<ConformanceReport | undefined> {
  const { fixtures } = values;
  const { filter, seed, random, expectations } = selection;
  const ids = collectCases(selection).map(({ id }) => id);
  const started = new Date();
  const cases: CaseResult[] = [];
  const errors = new UlpHistograms();
  const progress = new Progress(process.stderr, ids.length, 'cases');
  const causes = new Map<string, number>();
  let failed = 0;
  const onCase = (found: CaseResult, errorsOfCase: readonly ErrorHistogram[]) => {
    errors.mergeReport(errorsOfCase);
    const result = applyExpectations(found, expectations);
    cases.push(result);
    if (result.status === 'failed') {
      failed += 1;
      progress.clear();
      const cause = causeOf(result);
      const count = (causes.get(cause) ?? 0) + 1;
      causes.set(cause, count);
      if (count <= SHOWN_IN_FULL) printFailure(result, backend, values);
      else console.log(`FAILED ${result.id}: ${cause}, as above`);
    }
    progress.update(cases.length, `${failed} failed`);
  };
  const request: Omit<ChildRequest, 'first' | 'token'> = {
    backend,
    fixtures,
    filter,
    seed,
    random,
    timeout: timeoutOf(values),
  };
  progress.update(0, '0 failed');
  try {
    const header = await runIsolated({ request, ids, signal, onCase });
    return header && makeReport({ ...header, started, cases, total: ids.length, seed, errors });
  } finally {
    progress.clear();
  }
}

/** Failures of one cause; the others take a line each. */
const SHOWN_IN_FULL = 5;

/** Cases are listed before they run. */
const MOST_RANDOM = 1_000_000;

async function selectionOf(values: Values): Promise<CaseSelection> {
  const { fixtures, filter, expectations } = values;
  const seed = naturalNumber('--seed', values.seed ?? `${DEFAULT_SEED}`);
  const random = naturalNumber('--random', values.random ?? `${DEFAULT_RANDOM}`, MOST_RANDOM);
  checkSeeds(seed, random);
  return {
    fixtures: fixtures === undefined ? packageFixtures : await folderFixtures(fixtures),
    ...(filter === undefined ? {} : { filter }),
    seed,
    random,
    ...(expectations === undefined ? {} : { expectations: await readExpectations(expectations) }),
  };
}

async function readExpectations(file: string): Promise<Expectations> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--expectations: ${(error as Error).message}`);
  }
  return parseExpectations(text, file);
}

function timeoutOf({ timeout }: Values): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT;
  const seconds = Number(timeout);
  if (seconds > 0 && seconds <= 86_400) return seconds * 1000;
  throw new UsageError(`--timeout: expected a number of seconds up to 86400, found '${timeout}'`);
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  return parseOptions(args, {
    options: {
      backend: { ...text, multiple: true },
      fixtures: text,
      filter: text,
      seed: text,
      random: text,
      timeout: text,
      expectations: text,
      ...OUTPUTS,
      junit: text,
    },
  }).values;
}

/** With the command that repeats it. */
function printFailure(result: CaseResult, backend: string, values: Values): void {
  const same = (['fixtures', 'timeout', 'expectations'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [` --${name} ${shellWord(value)}`];
  });
  console.log(`${formatFailure(result, repeatCommand(backend, result.id, same.join('')))}\n`);
}
