import { createRequire } from 'node:module';
import { isMoeDispatchError } from '@moe-dispatch/core';
import { benchCommand } from './commands/bench.js';
import { type Command, UsageError } from './commands/command.js';
import { compareCommand } from './commands/compare.js';
import { diffCommand } from './commands/diff.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { withForeignBackends } from './commands/foreign-command.js';
import { hashCommand } from './commands/hash.js';
import { listCommand } from './commands/list.js';
import { mergeCommand } from './commands/merge.js';
import { runCommand } from './commands/run.js';
import { ConformanceError } from './conformance-error.js';
import { printable } from './printable.js';
import { suggest } from './suggest.js';

const COMMANDS: readonly Command[] = [
  runCommand,
  listCommand,
  compareCommand,
  hashCommand,
  mergeCommand,
  diffCommand,
  benchCommand,
  doctorCommand,
  exportCommand,
];

/** Runs the command line and returns its exit code: 2 if the command or the backend did not work. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') {
    console.log(overview());
    return 0;
  }
  if (name === '--version') {
    console.log(createRequire(import.meta.url)('../package.json').version);
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    console.error(`${name === undefined ? 'a command is missing' : unknownCommand(name)}\n\n${overview()}`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(command.usage);
    return 0;
  }
  return runCommandLine(command, rest);
}

async function runCommandLine(command: Command, args: readonly string[]): Promise<number> {
  try {
    return await command.run(withForeignBackends(args));
  } catch (error) {
    if (!(error instanceof ConformanceError || isMoeDispatchError(error))) {
      // A fault of the suite: exit code 1 would say that it has judged something.
      console.error(error);
      return 2;
    }
    console.error(printable(error.message));
    if (error instanceof UsageError) console.error(`\n${command.usage}`);
    return 2;
  }
}

function unknownCommand(name: string): string {
  const near = suggest(
    name,
    COMMANDS.map((command) => command.name),
  );
  return printable(`no command '${name}'${near === undefined ? '' : `: did you mean ${near}?`}`);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: moe-conformance <command> [options]\n\n${lines.join('\n')}\n\nEach command explains itself with --help; --version prints the version.`;
}
