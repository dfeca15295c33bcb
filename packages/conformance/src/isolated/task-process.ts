import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BACKEND_LIMIT, timeLimitError } from '../time-limit.js';
import type { ChildMessage, ChildRequest, Envelope, TaskName, Tasks } from './messages.js';

/** How long a process that is done may take to end, in milliseconds. */
const END_LIMIT = 5_000;
/** The child itself notices most cases that take too long, and keeps its backend's other work. */
const GRACE = 2_000;
const STDERR_TAIL = 500;
/** How long the end of what a process that is gone has printed may take, in milliseconds. */
const STDERR_LIMIT = 1_000;

export interface TaskOptions<T extends TaskName> {
  readonly task: T;
  readonly input: Tasks[T]['input'];
  /** For each step, in milliseconds. */
  readonly timeout: number;
  /** Ends the process at once. */
  readonly signal?: AbortSignal;
  /** Whether what the backend prints is shown to nobody. */
  readonly quiet?: boolean;
  onReady?(header: Tasks[T]['header']): void;
  onBegin?(index: number): void;
  onResult(result: Tasks[T]['result']): void;
}

export interface Failure {
  readonly name: string;
  readonly message: string;
}

/**
 * Does a task in a process of its own, which a backend may block, crash or end.
 * @returns what kept the process from being done, if anything did
 */
export function runTask<T extends TaskName>(options: TaskOptions<T>): Promise<Failure | undefined> {
  return new TaskProcess(options).run();
}

/** One process, until it is done, ends or is ended. */
class TaskProcess<T extends TaskName> {
  private readonly options: TaskOptions<T>;
  private readonly child: ChildProcess;
  private isDone = false;
  private failure: Failure | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: TaskOptions<T>) {
    this.options = options;
    this.child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      // The last is for watch-parent.ts.
      stdio: ['ignore', options.quiet ? 'ignore' : 'inherit', 'pipe', 'ipc', 'pipe'],
    });
  }

  async run(): Promise<Failure | undefined> {
    const { child } = this;
    const { task, input, signal, quiet = false } = this.options;
    const stop = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', stop);
    const stderr = readErrors(child, quiet);
    const token = randomUUID();
    child.on('message', (received: Partial<Envelope> | null) => {
      if (received?.token === token) this.receive((received as Envelope).message as ChildMessage<T>);
    });
    const message = `no backend within ${BACKEND_LIMIT / 1000} s`;
    this.limit(BACKEND_LIMIT, { name: 'TimeLimitError', message });
    child.send({ token, task, input } satisfies ChildRequest<T>);
    const end = await endOf(child);
    clearTimeout(this.timer);
    signal?.removeEventListener('abort', stop);
    if (this.isDone) return undefined;
    return this.failure ?? { name: 'ProcessError', message: `its process ended with ${end}${stderr()}` };
  }

  private receive(message: ChildMessage<T>): void {
    const { options } = this;
    // What it sent before the signal ended it comes too late.
    if (options.signal?.aborted) return;
    if (message.kind === 'ready') options.onReady?.(message.header);
    else if (message.kind === 'begin') {
      options.onBegin?.(message.index);
      const { name, message: late } = timeLimitError(options.timeout);
      this.limit(options.timeout + GRACE, { name, message: `${late}, and its process was ended` });
    } else if (message.kind === 'result') options.onResult(message.result);
    else {
      if (message.kind === 'failed') this.failure = { name: 'Error', message: message.message };
      else this.isDone = true;
      this.limit(END_LIMIT);
    }
  }

  /** Ends the process after this time from now. */
  private limit(milliseconds: number, failure?: Failure): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.failure ??= failure;
      this.child.kill('SIGKILL');
    }, milliseconds);
  }
}

/** The signal or exit code with which it ends, in words. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const words = (code: number | null, signal: NodeJS.Signals | null) => signal ?? `code ${code}`;
    child.once('close', (code, signal) => resolve(words(code, signal)));
    // A process that it left behind may keep its stderr open for ever.
    child.once('exit', (code, signal) =>
      setTimeout(() => resolve(words(code, signal)), STDERR_LIMIT).unref(),
    );
    // It could not be started, or ended before it was sent anything.
    child.once('error', (error) => resolve(error.message));
  });
}

/** Passes the process's stderr on. @returns its last lines so far */
function readErrors(child: ChildProcess, quiet: boolean): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (!quiet) process.stderr.write(chunk);
    tail = (tail + chunk.toString()).slice(-STDERR_TAIL);
  });
  return () => (tail.trim() === '' ? '' : `: ${tail.trim()}`);
}
