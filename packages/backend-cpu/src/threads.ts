/*
 * Imports nothing: a bundler that loads this where there can be several threads then has no reason to cut up the rest.
 */

/** Where wasm/job.ts has chunks that are not taken, chunks done and jobs announced, in int32s. */
const OPEN = 32;
const DONE = 48;
const ANNOUNCED = 64;
/** Stands for the chunks done when a worker failed. */
const FAILED = -(2 ** 30);
/** How often the caller looks for the end before it sleeps. */
const LOOKS = 20_000;
/** A worker that finishes nothing for so many milliseconds is lost. */
const PATIENCE = 10_000;

/** Workers that are lost again and again are not replaced. */
const MOST_STARTS = 3;

/** What a worker runs. A string, so that no bundler has to find a file. */
const WORKER = `({ module, memory, thread }, tellReady) => {
  const { serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  tellReady(0);
  try {
    serve(thread);
  } catch (error) {
    const words = new Int32Array(memory.buffer);
    Atomics.store(words, ${DONE}, ${FAILED});
    Atomics.notify(words, ${DONE});
    throw error;
  }
}`;
const IN_NODE = `const { workerData } = process.getBuiltinModule('node:worker_threads');
(${WORKER})(workerData, () => {});`;
const IN_PAGE = `onmessage = ({ data }) => (${WORKER})(data, postMessage);`;

/** What a worker starts with, and Node's module of workers, where there is one. */
interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly node: NodeWorkers | undefined;
}

/** What is used of workers; the types of neither Node nor pages are at hand in the other. */
type AnyWorker = { terminate(): unknown };
interface NodeWorker extends AnyWorker {
  on(event: 'error' | 'exit', listener: () => void): this;
  unref(): void;
}
export type NodeWorkers = { Worker: new (source: string, options: object) => NodeWorker };

/** Workers that share jobs with the thread that calls. They start with the first job, and again after one was lost. */
export class Threads {
  /** Workers, and the caller. */
  readonly count: number;
  readonly #start: Start;
  readonly #words: Int32Array;
  #workers: AnyWorker[] = [];
  #starts = 0;

  private constructor(count: number, start: Start) {
    this.count = count;
    this.#start = start;
    this.#words = new Int32Array(start.memory.buffer);
  }

  /** null if a page forbids workers, which it says late: there they start now, elsewhere with the first job. */
  static async create(count: number, start: Start): Promise<Threads | null> {
    const threads = new Threads(count, start);
    if (start.node !== undefined) return threads;
    const started = await new Promise<boolean>((resolve) => {
      let missing = count - 1;
      threads.#startWorkers(
        () => --missing === 0 && resolve(true),
        () => resolve(false),
      );
    }).catch(() => false);
    return started ? threads : null;
  }

  /** Offers a job of so many chunks, whose fields are there. */
  offer(chunks: number): void {
    const words = this.#words;
    if (this.#workers.length === 0 && this.#starts++ < MOST_STARTS) this.#startWorkers();
    Atomics.store(words, DONE, 0);
    Atomics.store(words, OPEN, chunks);
    Atomics.store(words, ANNOUNCED, (words[ANNOUNCED] + 1) & 0x7fffffff);
    Atomics.notify(words, ANNOUNCED);
  }

  /** Waits for the chunks that workers took. False if one is lost with its chunk: the next job has new workers. */
  finish(chunks: number): boolean {
    const words = this.#words;
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, DONE) === chunks) return true;
    for (let last = -1, since = 0; ; ) {
      const done = Atomics.load(words, DONE);
      if (done === chunks) return true;
      if (done !== last) since = performance.now();
      last = done;
      if (done >= 0 && performance.now() < since + PATIENCE) sleep(words, done);
      else {
        Atomics.store(words, OPEN, 0);
        this.stop();
        return false;
      }
    }
  }

  stop(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  /** Calls `ready` for each that can work, and `ended` for each that no longer does. */
  #startWorkers(ready?: () => void, ended?: () => void): void {
    const workers: AnyWorker[] = [];
    this.#workers = workers;
    const end = () => {
      // One that was stopped is none of these any more.
      if (this.#workers === workers) this.stop();
      ended?.();
    };
    for (let thread = 1; thread < this.count; thread++) {
      const { module, memory, node } = this.#start;
      workers.push(startWorker(node, { module, memory, thread }, ready, end));
    }
  }
}

/** At most a second. A page's main thread must not sleep. */
function sleep(words: Int32Array, done: number): void {
  try {
    Atomics.wait(words, DONE, done, 1000);
  } catch {}
}

/** Node's workers, which Deno and Bun have too, keep no process alive. */
function startWorker(
  node: NodeWorkers | undefined,
  data: object,
  ready: (() => void) | undefined,
  ended: () => void,
): AnyWorker {
  if (node !== undefined) {
    const worker = new node.Worker(IN_NODE, { eval: true, workerData: data, execArgv: [] });
    worker.unref();
    return worker.on('error', ended).on('exit', ended);
  }
  const worker = new Worker(URL.createObjectURL(new Blob([IN_PAGE])));
  worker.onmessage = ready!;
  worker.onerror = ended;
  worker.postMessage(data);
  return worker;
}
