import { hashOutputs } from '../hash-outputs.js';
import { loadBackend } from '../load-backend.js';
import { NotClaimed } from '../session.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, UsageError } from './command.js';

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

const PART = 1000;

async function run(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseOptions(args, {
    options: { backend: text, cases: { ...text, default: '20000' }, seed: { ...text, default: '1' } },
  });
  if (values.backend === undefined) throw new UsageError('--backend is missing');
  const cases = naturalNumber('--cases', values.cases);
  const seed = naturalNumber('--seed', values.seed);
  checkSeeds(seed, cases);
  const backend = await (await loadBackend(values.backend)).create();
  try {
    for (let done = 0; done < cases; done += PART) {
      const count = Math.min(PART, cases - done);
      console.log(
        `${seed + done} to ${seed + done + count - 1}: ${await hashOutputs(backend, seed + done, count)}`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof NotClaimed)) throw error;
    console.error(`the backend does not claim ${error.message}`);
    return 2;
  } finally {
    backend.dispose();
  }
}
