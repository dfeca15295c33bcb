import { runTask } from '../isolated/task-process.js';
import { printable } from '../printable.js';
import { DEFAULT_TIMEOUT } from '../time-limit.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, UsageError } from './command.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance hash --backend <module> [options]

Gives random routers to a backend and prints, for each 1000 calls, a hash of all bytes that come out. Backends that keep
the contract print the same, so that two of them can be compared without being on one machine.

  --backend <module>   package name, path, or module#export, e.g. @moe-dispatch/backend-cpu
  --cases <n>          number of calls (default 20000)
  --seed <n>           seed of the first call (default 1)

Exit code: 0, or 2 if the command or the backend did not work.`;

export const hashCommand: Command = {
  name: 'hash',
  summary: 'prints hashes of what a backend makes of random routers, to compare machines',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseOptions(args, {
    options: { backend: text, cases: { ...text, default: '20000' }, seed: { ...text, default: '1' } },
  });
  if (values.backend === undefined) throw new UsageError('--backend is missing');
  const cases = naturalNumber('--cases', values.cases);
  const seed = naturalNumber('--seed', values.seed);
  checkSeeds(seed, cases);
  const stop = stopOnSignals();
  try {
    const failure = await runTask({
      task: 'hash',
      input: { backend: values.backend, cases, seed },
      timeout: DEFAULT_TIMEOUT,
      signal: stop.signal,
      onResult: (line) => console.log(line),
    });
    if (failure === undefined) return 0;
    if (!stop.signal.aborted) console.error(printable(failure.message));
    return stop.exitCode() ?? 2;
  } finally {
    stop.release();
  }
}
