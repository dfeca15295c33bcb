import { parseArgs } from 'node:util';
import { BACKEND_NAMES, type BackendName } from './backends.js';

export const HELP = `usage: demo [options]

Without options: dispatches the documentation example of Paddle's moe_dispatch ([1280, 768], 48 experts,
top 6) on the first backend that works here, of ${BACKEND_NAMES.join(', ')}.

  --input <file>     a .safetensors file with x [T, D] and gating_output [T, E] float32 instead
  --top-k <K>        experts per token (default 6, or as many as there are)
  --group            choose one expert in each of K groups
  --topk-only        scales are the gating values, without a softmax
  --token <N>        the token to follow (default 0)
  --backend <name>   only this backend: ${BACKEND_NAMES.join(', ')}
  --output <file>    write the results to a .safetensors file
  --help             this text

Exit code: 0 done, 1 a file or backend did not work, 2 a wrong option.`;

/** A command line that makes no sense. */
export class UsageError extends Error {}

export interface DemoOptions {
  readonly input: string | undefined;
  readonly output: string | undefined;
  /** Undefined where the user gave none. */
  readonly topK: number | undefined;
  readonly group: boolean;
  readonly topkOnly: boolean;
  readonly token: number;
  readonly backends: readonly BackendName[];
}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const { input, output, group = false, 'topk-only': topkOnly = false } = values;
  return {
    input,
    output,
    topK: values['top-k'] === undefined ? undefined : naturalNumber('--top-k', values['top-k'], 1),
    group,
    topkOnly,
    token: values.token === undefined ? 0 : naturalNumber('--token', values.token, 0),
    backends: values.backend === undefined ? BACKEND_NAMES : [backendName(values.backend)],
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const options = {
      input: text,
      output: text,
      'top-k': text,
      group: flag,
      'topk-only': flag,
      token: text,
      backend: text,
      help: { ...flag, short: 'h' },
    } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // Node explains at length how to pass an argument that starts with a dash: the first sentence is enough.
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]);
  }
}

function naturalNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${option}: expected an integer of at least ${least}, found '${text}'`);
}

function backendName(text: string): BackendName {
  const name = BACKEND_NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  throw new UsageError(`--backend: expected one of ${BACKEND_NAMES.join(', ')}, found '${text}'`);
}
