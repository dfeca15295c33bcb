import { cpus, freemem } from 'node:os';
import type { DType } from '@moe-dispatch/core';
import {
  type BackendBench,
  BENCH_VERSION,
  type BenchReport,
  type Shape,
  shapeName,
} from '../bench/bench-report.js';
import type { BenchHeader, ShapeResult } from '../bench/bench-shape.js';
import { formatBench } from '../bench/bench-text.js';
import { STANDARD_SHAPES } from '../bench/shapes.js';
import type { BenchInput } from '../isolated/messages.js';
import { runTask } from '../isolated/task-process.js';
import { describeMachine } from '../machine.js';
import { printable } from '../printable.js';
import { type Command, naturalNumber, parseOptions, timeLimit, UsageError } from './command.js';
import { OUTPUTS, writeOutputs } from './outputs.js';
import { OWN_BACKENDS } from './own-backends.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `usage: moe-conformance bench [options]

Times moeDispatch (prepared) and moeReduce on every backend that is available, beside a copy of as many bytes:
memcpy for a backend in the host's memory, for another its own permuteRows with the rows in order. Times are wall time,
submission included, medians of samples that issue many calls and wait once.

  --backend <module>   only this backend; may be repeated (default: moe-dispatch's own, those that are installed)
  --shape <T,D,E,K>    tokens, hidden size, experts, experts a token; may be repeated (default: standard shapes)
  --dtype <dtype>      of the rows: float32, float16 or bfloat16 (default)
  --max-mib <n>        leave out shapes whose tensors need more MiB together (default 512)
  --timeout <seconds>  time limit of a sample: of 15 ms, or of a call or two that take longer (default 120)
  --json <file>        write the results as JSON, for 'merge'
  --html <file>        write them as one HTML page with a roofline plot

Each backend is measured in a process of its own. Ctrl-C ends it; what was measured until then is printed and written.
Exit code: 0 measured, 1 no backend measured anything, 2 the command or a backend named with --backend did not work, or
a backend blocked or ended its process, 130 stopped by Ctrl-C.`;

export const benchCommand: Command = {
  name: 'bench',
  summary: 'times the available backends beside a plain copy',
  usage: USAGE,
  run,
};

const FLOATS = ['float32', 'float16', 'bfloat16'] as const;
const TIMING =
  'Wall time a call, submission included: medians of samples that issue many calls and wait once';

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  const input = benchInput(values);
  const timeout = timeLimit('--timeout', values.timeout);
  const started = new Date().toISOString();
  const stop = stopOnSignals();
  try {
    const found = await benchAll(values.backend ?? OWN_BACKENDS, input, timeout, stop.signal);
    const report = makeReport(found, input.dtype, started);
    console.log(formatBench(report));
    for (const { error } of found) if (error !== undefined) console.error(printable(error));
    await writeOutputs(values, { reports: [], benches: [report] }, report);
    return stop.exitCode() ?? exitCodeOf(found, values.backend !== undefined);
  } finally {
    stop.release();
  }
}

/** What became of one backend. */
interface Found {
  readonly module: string;
  readonly bench?: BackendBench;
  /** Why it is not there. */
  readonly reason?: string;
  /** What ended its process before its last shape. */
  readonly error?: string;
}

/** @param named whether the command line names the backends */
function exitCodeOf(found: readonly Found[], named: boolean): number {
  if (found.some(({ error, reason }) => error !== undefined || (named && reason !== undefined))) return 2;
  return found.some(({ bench }) => bench !== undefined && bench.rows.length > 0) ? 0 : 1;
}

async function benchAll(
  modules: readonly string[],
  input: Omit<BenchInput, 'backend'>,
  timeout: number,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const backend of modules) {
    if (signal.aborted) break;
    found.push(await benchModule({ ...input, backend }, timeout, signal));
  }
  return found;
}

/** Each backend is measured in a process of its own. */
async function benchModule(input: BenchInput, timeout: number, signal: AbortSignal): Promise<Found> {
  const { backend: module, shapes } = input;
  let header: BenchHeader | undefined;
  const results: ShapeResult[] = [];
  let begun = -1;
  const failure = await runTask({
    task: 'bench',
    input,
    timeout,
    signal,
    onReady: (ready) => {
      header = ready;
    },
    onBegin: (index) => {
      if (index > begun) console.error(printable(`${header?.name}: ${shapeName(shapes[index])}`));
      begun = index;
    },
    onResult: (result) => results.push(result),
  });
  if (header === undefined) {
    const reason = signal.aborted ? 'stopped before there was a backend' : failure?.message;
    return { module, reason: reason ?? 'its process measured nothing' };
  }
  const why = signal.aborted ? 'stopped before its end' : (failure?.message ?? '');
  const rest = shapes.slice(results.length).map((shape, i): ShapeResult => {
    const reason = i === 0 || signal.aborted ? why : 'not begun: the shape before it ended the process';
    return { leftOut: { shape, reason } };
  });
  const all = [...results, ...rest];
  const rows = all.flatMap((result) => ('row' in result ? [result.row] : []));
  const leftOut = all.flatMap((result) => ('leftOut' in result ? [result.leftOut] : []));
  const ended = rest.length > 0 && !signal.aborted;
  return {
    module,
    bench: { ...header, rows, leftOut },
    ...(ended ? { error: `${module}: ${shapeName(shapes[results.length])}: ${why}` } : {}),
  };
}

function makeReport(found: readonly Found[], dtype: DType, started: string): BenchReport {
  return {
    kind: 'bench',
    version: BENCH_VERSION,
    machine: { ...describeMachine(), processor: cpus()[0]?.model ?? 'unknown processor' },
    started,
    dtype,
    timing: TIMING,
    backends: found.flatMap(({ bench }) => bench ?? []),
    unavailable: found.flatMap(({ module, reason }) =>
      reason === undefined ? [] : [{ backend: module, reason }],
    ),
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const several = { type: 'string', multiple: true } as const;
  const { json, html } = OUTPUTS;
  return parseOptions(args, {
    options: {
      backend: several,
      shape: several,
      dtype: text,
      'max-mib': text,
      timeout: { ...text, default: '120' },
      json,
      html,
    },
  }).values;
}

function benchInput(values: ReturnType<typeof parse>): Omit<BenchInput, 'backend'> {
  const dtype = FLOATS.find((each) => each === (values.dtype ?? 'bfloat16'));
  if (dtype === undefined)
    throw new UsageError(`--dtype: expected ${FLOATS.join(' or ')}, found '${values.dtype}'`);
  const mebibytes = naturalNumber('--max-mib', values['max-mib'] ?? '512');
  return {
    shapes: values.shape?.map(parseShape) ?? STANDARD_SHAPES,
    dtype,
    // Half of what is free: the data that is uploaded lies in the host's memory as well.
    maxBytes: Math.min(mebibytes * 2 ** 20, freemem() / 2),
  };
}

function parseShape(text: string): Shape {
  const parts = text.split(',');
  if (parts.length !== 4) throw new UsageError(`--shape: expected T,D,E,K, found '${text}'`);
  const [tokens, hidden, numExperts, topK] = parts.map((part) => naturalNumber('--shape', part.trim()));
  if (Math.min(tokens, hidden, topK) < 1 || topK > numExperts) {
    throw new UsageError(`--shape: expected positive T, D, E and K with K at most E, found '${text}'`);
  }
  return { tokens, hidden, numExperts, topK };
}
