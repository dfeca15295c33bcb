import { exportCases } from '../export/export-cases.js';
import { folderFixtures } from '../folder-fixtures.js';
import { collectCases, DEFAULT_RANDOM, DEFAULT_SEED } from '../run.js';
import { type Command, checkSeeds, naturalNumber, parseOptions, UsageError } from './command.js';
import { Progress } from './progress.js';

const USAGE = `usage: moe-conformance export --out <dir> [options]

Writes all cases as files that any language reads: manifest.jsonl, a line for each case, and a .safetensors with the calls
that it makes, the right results and their bounds (docs/protocol.md). 'python -m moe_conformance' runs them without Node.

  --out <dir>       where to write; the folder is made if it is not there
  --fixtures <dir>  folder of .safetensors fixtures, instead of this package's own
  --filter <text>   only cases whose id contains the text (or is the text)
  --seed <n>        seed of the first random case (default ${DEFAULT_SEED})
  --random <n>      number of random cases (default ${DEFAULT_RANDOM})

Exit code: 0, or 2 if the command did not work.`;

export const exportCommand: Command = {
  name: 'export',
  summary: 'writes all cases with their right results, for runners in other languages',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseOptions(args, {
    options: { out: text, fixtures: text, filter: text, seed: text, random: text },
  });
  if (values.out === undefined) throw new UsageError('--out is missing');
  const seed = naturalNumber('--seed', values.seed ?? `${DEFAULT_SEED}`);
  const random = naturalNumber('--random', values.random ?? `${DEFAULT_RANDOM}`);
  checkSeeds(seed, random);
  const cases = collectCases({
    ...(values.fixtures === undefined ? {} : { fixtures: await folderFixtures(values.fixtures) }),
    ...(values.filter === undefined ? {} : { filter: values.filter }),
    seed,
    random,
  });
  const progress = new Progress(process.stderr, cases.length, 'cases');
  try {
    await exportCases(cases, values.out, { seed, onCase: (done) => progress.update(done, '') });
  } finally {
    progress.clear();
  }
  console.log(`${cases.length} cases in ${values.out}`);
  return 0;
}
