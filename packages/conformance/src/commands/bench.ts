import { cpus, freemem } from 'node:os';
import { type Backend, type DType, isMoeDispatchError, selectBackend } from '@moe-dispatch/core';
import { type BenchOptions, benchBackend } from '../bench/bench-backend.js';
import {
  type BackendBench,
  BENCH_VERSION,
  type BenchReport,
  type Shape,
  shapeName,
} from '../bench/bench-report.js';
import { formatBench } from '../bench/bench-text.js';
import { STANDARD_SHAPES } from '../bench/shapes.js';
import { ConformanceError } from '../conformance-error.js';
import { loadBackend } from '../load-backend.js';
import { describeMachine } from '../machine.js';
import { type Command, naturalNumber, parseOptions, UsageError } from './command.js';
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
  --json <file>        write the results as JSON, for 'merge'
  --html <file>        write them as one HTML page with a roofline plot

Ctrl-C ends it after the shape at hand; what was measured until then is printed and written.
Exit code: 0 measured, 1 no backend measured anything, 2 the command or a backend named with --backend did not work,
130 stopped by Ctrl-C.`;

export const benchCommand: Command = {
  name: 'bench',
  summary: 'times the available backends beside a plain copy',
  usage: USAGE,
  run,
};

const FLOATS: readonly DType[] = ['float32', 'float16', 'bfloat16'];
const TIMING =
  'Wall time a call, submission included: medians of samples that issue many calls and wait once';

async function run(args: readonly string[]): Promise<number> {
  const values = parse(args);
  const stop = stopOnSignals();
  try {
    const code = await measure(values, { ...benchOptions(values), signal: stop.signal });
    return stop.exitCode() ?? code;
  } finally {
    stop.release();
  }
}

async function measure(values: ReturnType<typeof parse>, options: BenchOptions): Promise<number> {
  const started = new Date().toISOString();
  const backends: BackendBench[] = [];
  const unavailable: { backend: string; reason: string }[] = [];
  for (const module of values.backend ?? OWN_BACKENDS) {
    if (options.signal?.aborted) break;
    try {
      backends.push(await benchModule(module, options));
    } catch (error) {
      const expected = error instanceof ConformanceError || isMoeDispatchError(error);
      if (!expected || values.backend !== undefined) throw error;
      unavailable.push({ backend: module, reason: error.message });
    }
  }
  const machine = { ...describeMachine(), processor: cpus()[0]?.model ?? 'unknown processor' };
  const { dtype } = options;
  const report: BenchReport = {
    ...{
      kind: 'bench',
      version: BENCH_VERSION,
      machine,
      started,
      dtype,
      timing: TIMING,
      backends,
      unavailable,
    },
  };
  console.log(formatBench(report));
  await writeOutputs(values, { reports: [], benches: [report] }, report);
  return backends.some(({ rows }) => rows.length > 0) ? 0 : 1;
}

async function benchModule(module: string, options: BenchOptions): Promise<BackendBench> {
  // selectBackend words the reason why a backend is not available.
  const backend: Backend = await selectBackend([await loadBackend(module)]);
  try {
    const onShape = (shape: Shape) => console.error(`${backend.info.name}: ${shapeName(shape)}`);
    return await benchBackend(backend, { ...options, onShape });
  } finally {
    backend.dispose();
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const several = { type: 'string', multiple: true } as const;
  const { json, html } = OUTPUTS;
  return parseOptions(args, {
    options: { backend: several, shape: several, dtype: text, 'max-mib': text, json, html },
  }).values;
}

function benchOptions(values: ReturnType<typeof parse>): BenchOptions {
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
