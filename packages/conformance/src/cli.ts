import { isMoeDispatchError } from '@moe-dispatch/core';
import { benchCommand } from './commands/bench.js';
import { type Command, UsageError } from './commands/command.js';
import { compareCommand } from './commands/compare.js';
import { diffCommand } from './commands/diff.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { withForeignBackends } from './commands/foreign-command.js';
import { hashCommand } from './commands/hash.js';
import { mergeCommand } from './commands/merge.js';
import { runCommand } from './commands/run.js';
import { ConformanceError } from './conformance-error.js';

const COMMANDS: readonly Command[] = [
  runCommand,
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
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    console.error(`${name === undefined ? 'a command is missing' : `no command '${name}'`}\n\n${overview()}`);
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
    if (!(error instanceof ConformanceError || isMoeDispatchError(error))) throw error;
    console.error(error.message);
    if (error instanceof UsageError) console.error(`\n${command.usage}`);
    return 2;
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: moe-conformance <command> [options]\n\n${lines.join('\n')}\n\nEach command explains itself with --help.`;
}
