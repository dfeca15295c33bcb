import { printable } from '../printable.js';
import { collectCases } from '../run.js';
import { type Command, parseOptions } from './command.js';
import { SELECTION, SELECTION_USAGE, selectionOf } from './selection.js';

const USAGE = `usage: moe-conformance list [options]

Prints the ids of the cases that 'run' would run, one a line.

${SELECTION_USAGE}

Exit code: 0, or 2 if the command is wrong or chooses no case.`;

export const listCommand: Command = {
  name: 'list',
  summary: 'prints the ids of the cases',
  usage: USAGE,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, { options: SELECTION });
  const ids = collectCases(await selectionOf(values)).map(({ id }) => printable(id));
  console.log(ids.join('\n'));
  return 0;
}
