import { type BackendFactory, selectBackend } from '@moe-dispatch/core';
import { type CompareOptions, compareBackends } from '../compare-backends.js';
import { formatComparison, formatComparisonFailure } from '../comparison-text.js';
import { loadBackend } from '../load-backend.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, UsageError } from './command.js';
import { write } from './outputs.js';
import { Progress } from './progress.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance compare --backend <A> --backend <B> [options]

Gives the same random calls to two backends. Every byte must agree, but for weights and sums if one has exact: false. A
call on which they differ is made as small as possible before it is printed.

  --backend <module>   twice: package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --cases <n>          number of calls (default 1000)
  --seed <n>           seed of the first call (default 1)
  --json <file>        also write what was found as JSON

Ends after 10 failures. Ctrl-C ends it too; what was compared until then is printed and written.
Exit code: 0 they agree, 1 they differ or nothing could be compared, 2 the command or a backend did not work,
130 stopped by Ctrl-C.`;

export const compareCommand: Command = {
  name: 'compare',
  summary: 'compares two backends on random calls',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  const modules = values.backend ?? [];
  if (modules.length !== 2) throw new UsageError(`--backend: expected two, found ${modules.length}`);
  const cases = naturalNumber('--cases', values.cases);
  const seed = naturalNumber('--seed', values.seed);
  checkSeeds(seed, cases);
  const [a, b] = [await available(modules[0]), await available(modules[1])];
  const stop = stopOnSignals();
  const progress = new Progress(process.stderr, cases, 'calls');
  try {
    const onCase = printProgress(modules, progress);
    const report = await compareBackends(a, b, { cases, seed, onCase, signal: stop.signal });
    progress.clear();
    console.log(formatComparison(report));
    const json = `${JSON.stringify(report, null, 2)}\n`;
    if (values.json !== undefined) await write('--json', values.json, json);
    const { failed, agreed } = report.totals;
    return stop.exitCode() ?? (failed > 0 || agreed === 0 ? 1 : 0);
  } finally {
    stop.release();
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  return parseOptions(args, {
    options: {
      backend: { ...text, multiple: true },
      cases: { ...text, default: '1000' },
      seed: { ...text, default: '1' },
      json: text,
    },
  }).values;
}

async function available(module: string): Promise<BackendFactory> {
  const factory = await loadBackend(module);
  // selectBackend words the reason why a backend is not available.
  (await selectBackend([factory])).dispose();
  return factory;
}

function printProgress(
  modules: readonly string[],
  progress: Progress,
): NonNullable<CompareOptions['onCase']> {
  const backends = modules.map((module) => `--backend ${module}`).join(' ');
  let failed = 0;
  return (done, _total, failure) => {
    if (failure !== undefined) {
      failed += 1;
      progress.clear();
      console.log(formatComparisonFailure(failure));
      console.log(`  repeat: npx moe-conformance compare ${backends} --seed ${failure.seed} --cases 1\n`);
    }
    progress.update(done, `${failed} differ`);
  };
}
