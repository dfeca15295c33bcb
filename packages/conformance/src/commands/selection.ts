import { readFile } from 'node:fs/promises';
import { type Expectations, parseExpectations } from '../expectations.js';
import { folderFixtures } from '../folder-fixtures.js';
import { type CaseSelection, DEFAULT_RANDOM, DEFAULT_SEED } from '../run.js';
import { checkSeeds, naturalNumber, UsageError } from './command.js';

const text = { type: 'string' } as const;

/** Options of every command that chooses cases, for parseArgs. */
export const SELECTION = { fixtures: text, filter: text, seed: text, random: text } as const;

/** Their part of a usage. */
export const SELECTION_USAGE = `\
  --fixtures <dir>       folder of .safetensors fixtures, instead of this package's own
  --filter <text>        only cases whose id contains the text (or is the text)
  --seed <n>             seed of the first random case (default ${DEFAULT_SEED})
  --random <n>           number of random cases (default ${DEFAULT_RANDOM})`;

/** Cases are listed before they run. */
const MOST_RANDOM = 1_000_000;

/** The cases that the options choose. @throws ConformanceError if a file or folder cannot be read, or is wrong */
export async function selectionOf(
  values: Partial<Record<keyof typeof SELECTION | 'expectations', string>>,
): Promise<CaseSelection> {
  const { fixtures, filter, expectations } = values;
  const seed = naturalNumber('--seed', values.seed ?? `${DEFAULT_SEED}`);
  const random = naturalNumber('--random', values.random ?? `${DEFAULT_RANDOM}`, MOST_RANDOM);
  checkSeeds(seed, random);
  return {
    ...(fixtures === undefined ? {} : { fixtures: await folderFixtures(fixtures) }),
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
