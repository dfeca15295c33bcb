import { applyExpectations } from '../expectations.js';
import { runIsolated } from '../isolated/run-isolated.js';
import { formatLevels } from '../levels/levels.js';
import { describeMachine } from '../machine.js';
import { printable } from '../printable.js';
import { type CaseResult, type ConformanceReport, type ErrorHistogram, unknownBackend } from '../report.js';
import { formatFailure, repeatCommand, shellWord } from '../report-text.js';
import { type CaseSelection, collectCases, makeReport } from '../run.js';
import { DEFAULT_TIMEOUT } from '../time-limit.js';
import { causeOf, formatTotals, Triage } from '../triage.js';
import { UlpHistograms } from '../ulp-histogram.js';
import { type Command, naturalNumber, parseOptions, timeLimit, UsageError } from './command.js';
import { OUTPUTS, writeOutputs } from './outputs.js';
import { Progress } from './progress.js';
import { SELECTION, SELECTION_USAGE, selectionOf } from './selection.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance run --backend <module> [options]
       moe-conformance run --command <command line> [options]

  --backend <module>     package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --command <line>       a program that speaks the protocol (docs/protocol.md), e.g. 'python3 my_backend.py'
${SELECTION_USAGE}
  --timeout <seconds>    time limit of a case (default ${DEFAULT_TIMEOUT / 1000})
  --max-failures <n>     stop after so many failed cases (default: none)
  --expectations <file>  known failures, as JSON (README.md)
  --json <file>          also write the report as JSON
  --junit <file>         … as JUnit XML
  --markdown <file>      … as a summary in Markdown
  --html <file>          … as one HTML page

Of each cause the first failure is printed in full, and of each further group of cases the first in a line; the reports
have all of them. The cases run in a process of their own. One that blocks or crashes it has failed, and the run goes on in a new one.
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

async function runAndShow(
  backend: string,
  values: Values,
  selection: CaseSelection,
  signal: AbortSignal,
): Promise<ConformanceReport> {
  const { fixtures } = values;
  const { filter, seed, random, expectations } = selection;
  const ids = collectCases(selection).map(({ id }) => id);
  const started = new Date();
  const cases: CaseResult[] = [];
  const errors = new UlpHistograms();
  const progress = new Progress(process.stderr, ids.length, 'cases');
  const triage = new Triage();
  const most = mostFailures(values['max-failures'] ?? `${ids.length}`);
  const enough = new AbortController();
  let failed = 0;
  const onCase = (found: CaseResult, errorsOfCase: readonly ErrorHistogram[]) => {
    errors.mergeReport(errorsOfCase);
    const result = applyExpectations(found, expectations);
    cases.push(result);
    if (result.status === 'failed') {
      failed += 1;
      progress.clear();
      const showing = triage.showingOf(result);
      if (showing === 'in full') printFailure(result, backend, values);
      if (showing === 'in a line') console.log(printable(`FAILED ${result.id}: ${causeOf(result)}`));
      if (failed === most) enough.abort();
    }
    progress.update(cases.length, `${failed} failed`);
  };
  const timeout = timeLimit('--timeout', values.timeout ?? `${DEFAULT_TIMEOUT / 1000}`);
  const input = { backend, fixtures, filter, seed, random, timeout };
  progress.update(0, '0 failed');
  try {
    const header = await runIsolated({
      input,
      ids,
      signal: AbortSignal.any([signal, enough.signal]),
      onCase,
    });
    const unknown = { backend: unknownBackend(backend), machine: describeMachine() };
    return makeReport({ ...(header ?? unknown), started, cases, total: ids.length, seed, errors });
  } finally {
    progress.clear();
  }
}

function mostFailures(text: string): number {
  const most = naturalNumber('--max-failures', text);
  if (most > 0) return most;
  throw new UsageError(`--max-failures: expected at least 1, found '${text}'`);
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  return parseOptions(args, {
    options: {
      backend: { ...text, multiple: true },
      ...SELECTION,
      'max-failures': text,
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
