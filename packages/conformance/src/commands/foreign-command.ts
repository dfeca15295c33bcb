import { COMMAND_PREFIX } from '../protocol/command-backend.js';

const OPTION = '--command';

/** `--command <line>` names a backend as `--backend command:<line>` does, wherever backends are named. */
export function withForeignBackends(args: readonly string[]): string[] {
  const isLine = (i: number) => args[i - 1] === OPTION;
  return args.map((arg, i) => {
    if (isLine(i)) return `${COMMAND_PREFIX}${arg}`;
    if (arg.startsWith(`${OPTION}=`)) return `--backend=${COMMAND_PREFIX}${arg.slice(OPTION.length + 1)}`;
    return arg === OPTION ? '--backend' : arg;
  });
}
