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

export function naturalNumber(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 0x7fffffff) return value;
  throw new UsageError(`${option}: expected an integer from 0 to 2147483647, found '${text}'`);
}
