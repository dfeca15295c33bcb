import { isMoeDispatchError } from '@moe-dispatch/core';
import { SafetensorsError } from '@moe-dispatch/safetensors';
import { FileError } from './input.js';
import { HELP, parseOptions, UsageError } from './options.js';
import { runDemo } from './run-demo.js';

/** Runs the command line and returns its exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === 'help') console.log(HELP);
    else await runDemo(options);
    return 0;
  } catch (error) {
    if (!isExpected(error)) throw error;
    console.error(error.message);
    if (!(error instanceof UsageError)) return 1;
    console.error('--help lists the options');
    return 2;
  }
}

/** What the user can mend: an option, a file, a backend that is not there. All else is a bug and shows its stack. */
function isExpected(error: unknown): error is Error {
  return (
    error instanceof UsageError ||
    error instanceof SafetensorsError ||
    error instanceof FileError ||
    isMoeDispatchError(error)
  );
}

process.exitCode = await main(process.argv.slice(2));
