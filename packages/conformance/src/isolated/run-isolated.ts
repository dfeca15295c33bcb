import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConformanceError } from '../conformance-error.js';
import type { CaseResult, ConformanceReport, ErrorHistogram } from '../report.js';
import { timeLimitError } from '../time-limit.js';
import type { ChildMessage, ChildRequest } from './messages.js';

/** How long a backend may take to be made, in milliseconds. A driver that does not answer has a limit of its own. */
const START_LIMIT = 120_000;
/** The child notices most cases that take too long by itself, and keeps its backend's other work. */
const GRACE = 2_000;
const STDERR_TAIL = 500;

type Header = Pick<ConformanceReport, 'backend' | 'machine'>;

export interface IsolatedOptions {
  readonly request: Omit<ChildRequest, 'first'>;
  /** The ids of all cases that the request means, in order. */
  readonly ids: readonly string[];
  readonly signal: AbortSignal;
  /** @param errors how far the case's floats lay from the oracle */
  onCase(result: CaseResult, errors: readonly ErrorHistogram[]): void;
}

/**
 * Runs cases in another process. Where one blocks, crashes or ends that process, it has failed, and a new process goes on
 * with the next.
 * @returns what the report says of backend and machine; undefined where `signal` came before they were known.
 * @throws ConformanceError where there is no backend
 */
export async function runIsolated(options: IsolatedOptions): Promise<Header | undefined> {
  const { ids, signal } = options;
  const state: State = { header: undefined, done: 0, started: performance.now() };
  while (state.done < ids.length && !signal.aborted) {
    const { failure, begun } = await runProcess(options, state);
    if (state.done === ids.length || signal.aborted) break;
    if (state.header === undefined) throw new ConformanceError(failure.message);
    const ms = begun ? performance.now() - state.started : 0;
    options.onCase({ id: ids[state.done], status: 'failed', ms, differences: [], error: failure }, []);
    state.done += 1;
  }
  return state.header;
}

/** Across processes. */
interface State {
  header: Header | undefined;
  /** Cases that have a result. */
  done: number;
  /** When the current case began. */
  started: number;
}

interface End {
  /** What ended the process; of no interest after its last case. */
  readonly failure: { readonly name: string; readonly message: string };
  /** Whether that was in the middle of a case. */
  readonly begun: boolean;
}

/** One process, until it is done, ends or is ended. */
function runProcess({ request, signal, onCase }: IsolatedOptions, state: State): Promise<End> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const stderr = echoErrors(child);
  let begun = false;
  let failure: End['failure'] | undefined;
  let timer: NodeJS.Timeout;
  const limit = (milliseconds: number, error: { name: string; message: string }) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      failure = error;
      child.kill('SIGKILL');
    }, milliseconds);
  };
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  limit(START_LIMIT, { name: 'TimeLimitError', message: `no backend within ${START_LIMIT / 1000} s` });
  child.on('message', (message: ChildMessage) => {
    if (message.kind === 'ready') {
      const { backend, machine } = message;
      state.header ??= { backend, machine };
    } else if (message.kind === 'begin') {
      begun = true;
      state.started = performance.now();
      limit(
        request.timeout + GRACE,
        timeLimitError(request.timeout, ': it blocks, and its process was ended'),
      );
    } else if (message.kind === 'result') {
      begun = false;
      state.done += 1;
      onCase(message.result, message.errors);
    } else {
      if (message.kind === 'failed') failure = { name: 'Error', message: message.message };
      stop();
    }
  });
  child.send({ ...request, first: state.done } satisfies ChildRequest);
  return new Promise((resolve) => {
    child.once('close', (code, end) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      const message = `its process ended with ${end ?? `code ${code}`}${stderr()}`;
      resolve({ failure: failure ?? { name: 'ProcessError', message }, begun });
    });
  });
}

/** Passes the process's stderr on. @returns its last lines so far */
function echoErrors(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    tail = (tail + chunk.toString()).slice(-STDERR_TAIL);
  });
  return () => (tail.trim() === '' ? '' : `: ${tail.trim()}`);
}
