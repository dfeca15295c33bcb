import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ConformanceError } from '../conformance-error.js';
import type { CaseResult, ConformanceReport, ErrorHistogram } from '../report.js';
import { BACKEND_LIMIT, timeLimitError } from '../time-limit.js';
import type { ChildMessage, ChildRequest, Envelope } from './messages.js';

/** How long a process may take until its backend is made, and to end, in milliseconds. */
const PROCESS_LIMIT = BACKEND_LIMIT;
/** The child itself notices most cases that take too long, and keeps its backend's other work. */
const GRACE = 2_000;
const STDERR_TAIL = 500;

type Header = Pick<ConformanceReport, 'backend' | 'machine'>;

export interface IsolatedOptions {
  readonly request: Omit<ChildRequest, 'first' | 'token'>;
  /** The ids of all cases that the request means, in order. */
  readonly ids: readonly string[];
  readonly signal: AbortSignal;
  /** @param errors how far the case's floats lay from the oracle */
  onCase(result: CaseResult, errors: readonly ErrorHistogram[]): void;
}

/**
 * Runs cases in another process. Where one blocks, crashes or ends that process, it has failed, and a new process goes on
 * with the next.
 * @returns what the report says of backend and machine; undefined if `signal` came before they were known.
 * @throws ConformanceError if there is no backend
 */
export async function runIsolated(options: IsolatedOptions): Promise<Header | undefined> {
  const { ids, signal } = options;
  const state: State = { header: undefined, done: 0, started: performance.now() };
  while (state.done < ids.length && !signal.aborted) {
    const { failure, begun } = await new CaseProcess(options, state).run();
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

interface Failure {
  readonly name: string;
  readonly message: string;
}

interface End {
  /** What ended the process; of no interest after its last case. */
  readonly failure: Failure;
  /** Whether that was in the middle of a case. */
  readonly begun: boolean;
}

/** One process, until it is done, ends or is ended. */
class CaseProcess {
  private readonly options: IsolatedOptions;
  private readonly state: State;
  private readonly child: ChildProcess;
  private begun = false;
  private failure: Failure | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: IsolatedOptions, state: State) {
    this.options = options;
    this.state = state;
    this.child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      // The last is for watch-parent.ts.
      stdio: ['ignore', 'inherit', 'pipe', 'ipc', 'pipe'],
    });
  }

  async run(): Promise<End> {
    const { child, state } = this;
    const { request, signal } = this.options;
    const stop = () => child.kill('SIGKILL');
    signal.addEventListener('abort', stop);
    const stderr = echoErrors(child);
    const token = randomUUID();
    child.on('message', (received: Partial<Envelope> | null) => {
      if (received?.token === token) this.receive((received as Envelope).message);
    });
    this.limit(PROCESS_LIMIT, `no backend within ${PROCESS_LIMIT / 1000} s`);
    child.send({ ...request, token, first: state.done } satisfies ChildRequest);
    const end = await endOf(child);
    clearTimeout(this.timer);
    signal.removeEventListener('abort', stop);
    const { failure = { name: 'ProcessError', message: `its process ended with ${end}${stderr()}` } } = this;
    return { failure, begun: this.begun };
  }

  private receive(message: ChildMessage): void {
    const { state, options } = this;
    if (message.kind === 'ready') {
      const { backend, machine } = message;
      state.header ??= { backend, machine };
    } else if (message.kind === 'begin') {
      this.begun = true;
      state.started = performance.now();
      const { timeout } = options.request;
      this.limit(timeout + GRACE, `${timeLimitError(timeout).message}: it blocks, and its process was ended`);
    } else if (message.kind === 'result') {
      this.begun = false;
      state.done += 1;
      options.onCase(message.result, message.errors);
    } else {
      if (message.kind === 'failed') this.failure = { name: 'Error', message: message.message };
      this.limit(PROCESS_LIMIT, 'its process does not end');
    }
  }

  /** From now on. */
  private limit(milliseconds: number, message: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.failure ??= { name: 'TimeLimitError', message };
      this.child.kill('SIGKILL');
    }, milliseconds);
  }
}

/** The signal or exit code with which it ends, in words. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
    // It could not be started, or ended before it was sent anything.
    child.once('error', (error) => resolve(error.message));
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
