import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConformanceError } from '../conformance-error.js';

/** The command line asks for something that does not exist: exit code 2, with the command's usage. */
export class UsageError extends ConformanceError {}

/** One subcommand of `moe-conformance`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly usage: string;
  /** @returns the exit code. @throws UsageError */
  run(args: readonly string[]): Promise<number>;
}

/** `parseArgs`, whose complaints are about the command line. @throws UsageError */
export function parseOptions<const C extends ParseArgsConfig>(
  args: readonly string[],
  config: C,
): ReturnType<typeof parseArgs<C>> {
  try {
    return parseArgs<C>({ ...config, args: [...args] });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const LARGEST = 0x7fffffff;

export function naturalNumber(option: string, text: string, largest = LARGEST): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= largest) return value;
  throw new UsageError(`${option}: expected an integer from 0 to ${largest}, found '${text}'`);
}

/** Each of `count` calls has the next seed, which must be one that `--seed` takes. */
export function checkSeeds(seed: number, count: number): void {
  if (seed + count - 1 <= LARGEST) return;
  throw new UsageError(`--seed: expected at most ${LARGEST - count + 1} with ${count} calls, found ${seed}`);
}
