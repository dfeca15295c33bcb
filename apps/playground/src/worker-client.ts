import type { Answer, PlainError, Requests, SuiteProgress } from './protocol.js';

/** What the worker threw, with core's code where it had one. */
export class WorkerError extends Error implements PlainError {
  override readonly name: string;
  readonly code: string | undefined;

  constructor({ name, code, message }: PlainError) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

interface Waiting {
  resolve(result: never): void;
  reject(error: WorkerError): void;
  onProgress: ((progress: SuiteProgress) => void) | undefined;
}

/** A worker of the page, and the calls that wait for it. It works on one call at a time. */
export class WorkerClient {
  private readonly worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => this.settle(data);
    this.worker.onerror = ({ message }) => {
      const error = new WorkerError({ name: 'Error', code: undefined, message: message || 'no worker' });
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
  }

  call<M extends keyof Requests>(
    method: M,
    args: Requests[M]['args'],
    onProgress?: (progress: SuiteProgress) => void,
  ): Promise<Requests[M]['result']> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ id, method, args });
    });
  }

  /** Ends the worker at once; calls that wait are never answered. */
  terminate(): void {
    this.worker.terminate();
    this.waiting.clear();
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (waiting === undefined) return;
    if ('progress' in answer) {
      waiting.onProgress?.(answer.progress);
      return;
    }
    this.waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(new WorkerError(answer.error));
    else waiting.resolve(answer.result as never);
  }
}
