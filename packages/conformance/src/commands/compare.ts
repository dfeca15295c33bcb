import {
  type CallOutcome,
  type ComparisonHeader,
  type ComparisonReport,
  ComparisonResults,
} from '../compare-backends.js';
import { formatComparison, formatComparisonFailure } from '../comparison-text.js';
import { runTask } from '../isolated/task-process.js';
import { describeMachine } from '../machine.js';
import { printable } from '../printable.js';
import { unknownBackend } from '../report.js';
import { shellWord } from '../report-text.js';
import { DEFAULT_TIMEOUT } from '../time-limit.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, timeLimit, UsageError } from './command.js';
import { write } from './outputs.js';
import { Progress } from './progress.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance compare --backend <A> --backend <B> [options]

Gives the same random calls to two backends. Every byte must agree, but for weights and sums if one has exact: false. A
call on which they differ is made as small as possible before it is printed.

  --backend <module>   twice: package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --cases <n>          number of calls (default 1000)
  --seed <n>           seed of the first call (default 1)
  --timeout <seconds>  time limit of a call (default ${DEFAULT_TIMEOUT / 1000})
  --json <file>        also write what was found as JSON

The calls run in a process of their own. Ends after 10 failures, and when a backend blocks or ends that process. Ctrl-C
ends it too; what was compared until then is printed and written.

Exit code: 0 they agree, 1 they differ or nothing could be compared, 2 the command or a backend did not work (it threw,
blocked or ended its process), 130 stopped by Ctrl-C.`;

export const compareCommand: Command = {
  name: 'compare',
  summary: 'compares two backends on random calls',
  usage: USAGE,
  run,
};

type Modules = readonly [a: string, b: string];

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  const [a, b, ...others] = values.backend ?? [];
  if (b === undefined || others.length > 0) {
    throw new UsageError(`--backend: expected two, found ${values.backend?.length ?? 0}`);
  }
  const input = {
    backends: [a, b] as const,
    cases: naturalNumber('--cases', values.cases),
    seed: naturalNumber('--seed', values.seed),
  };
  checkSeeds(input.seed, input.cases);
  const timeout = timeLimit('--timeout', values.timeout);
  const stop = stopOnSignals();
  try {
    const report = await compareAndShow(input, timeout, stop.signal);
    const json = `${JSON.stringify(report, null, 2)}\n`;
    if (values.json !== undefined) await write('--json', values.json, json);
    return stop.exitCode() ?? exitCodeOf(report);
  } finally {
    stop.release();
  }
}

function exitCodeOf({ error, failures, totals }: ComparisonReport): number {
  if (error !== undefined || failures.some((failure) => failure.error !== undefined)) return 2;
  return totals.failed > 0 || totals.agreed === 0 ? 1 : 0;
}

async function compareAndShow(
  input: { readonly backends: Modules; readonly cases: number; readonly seed: number },
  timeout: number,
  signal: AbortSignal,
): Promise<ComparisonReport> {
  const { backends, cases, seed } = input;
  const results = new ComparisonResults(cases, seed);
  const progress = new Progress(process.stderr, cases, 'calls');
  let header: ComparisonHeader | undefined;
  const onReady = (found: ComparisonHeader) => {
    header = found;
  };
  const onResult = (outcome: CallOutcome) => {
    results.add(outcome);
    const { failure } = outcome;
    if (failure !== undefined) {
      progress.clear();
      console.log(formatComparisonFailure(failure));
      console.log(`  repeat: ${repeatCommand(backends, failure.seed)}\n`);
    }
    progress.update(results.done, `${results.failures.length} differ`);
  };
  const failure = await runTask({ task: 'compare', input, timeout, signal, onReady, onResult });
  progress.clear();
  // The signal ended the process.
  const error = signal.aborted ? undefined : failure;
  const unknown = backends.map(unknownBackend) as unknown as ComparisonHeader['backends'];
  const report = results.report(header ?? { backends: unknown, machine: describeMachine() }, error);
  console.log(formatComparison(report));
  if (error !== undefined) {
    const at = seed + results.done;
    const message = printable(error.message);
    const where = `in the call of seed ${at}: ${message}\n  repeat: ${repeatCommand(backends, at)}`;
    console.error(header === undefined ? message : where);
  }
  return report;
}

function repeatCommand(backends: Modules, seed: number): string {
  const named = backends.map((module) => `--backend ${shellWord(module)}`).join(' ');
  return `npx moe-conformance compare ${named} --seed ${seed} --cases 1`;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  return parseOptions(args, {
    options: {
      backend: { ...text, multiple: true },
      cases: { ...text, default: '1000' },
      seed: { ...text, default: '1' },
      timeout: { ...text, default: `${DEFAULT_TIMEOUT / 1000}` },
      json: text,
    },
  }).values;
}
