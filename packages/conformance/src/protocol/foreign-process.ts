import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { DeviceError, type ErrorCode, InvalidArgumentError } from '@moe-dispatch/core';
import { ConformanceError } from '../conformance-error.js';
import { NotClaimed } from '../session.js';
import type { Hello, Request, TensorHeader } from './messages.js';
import type { Answer, Start, ThreadData, ThreadRequest } from './process-thread.js';
import type { CallHeader } from './request.js';

/** How long a program may take until its hello, in milliseconds: some import half a gigabyte first. */
const HELLO_LIMIT = 60_000;

/** A program that says it is a backend. Calls wait for the reply: whoever runs them ends a process that blocks. */
export class ForeignProcess {
  readonly hello: Hello;
  private readonly thread: Worker;
  private readonly port: MessagePort;
  private readonly answers: Int32Array<SharedArrayBuffer>;
  private calls = 0;
  private failure: string | undefined;

  private constructor(hello: Hello, thread: Worker, { port, answers }: Pick<ThreadData, 'port' | 'answers'>) {
    this.hello = hello;
    this.thread = thread;
    this.port = port;
    this.answers = answers;
  }

  /** @throws ConformanceError if it says no hello, which needs no more than a shell's command line to happen */
  static async start(command: string): Promise<ForeignProcess> {
    const { port1, port2 } = new MessageChannel();
    const answers = new Int32Array(new SharedArrayBuffer(4));
    const workerData: ThreadData = { command, port: port2, answers };
    const thread = new Worker(new URL('./process-thread.js', import.meta.url), {
      workerData,
      transferList: [port2],
    });
    const start = await firstMessage(thread);
    // Neither keeps the process alive.
    thread.unref();
    port1.unref();
    if ('hello' in start) return new ForeignProcess(start.hello, thread, { port: port1, answers });
    void thread.terminate();
    throw new ConformanceError(`'${command}' ${start.failure}`);
  }

  /** What keeps it from answering any more, in words. */
  get lost(): DeviceError | undefined {
    const { failure } = this;
    if (failure === undefined) return undefined;
    const expected = 'a reply';
    return new DeviceError('DEVICE_LOST', { argument: 'command', found: `that it ${failure}`, expected });
  }

  /**
   * Asks for one operation.
   * @param inputs the bytes of the request's inputs
   * @returns the bytes of each output
   * @throws NotClaimed; InvalidArgumentError with the reply's code; DeviceError DEVICE_LOST
   */
  call(header: CallHeader, inputs: readonly Uint8Array[]): Map<string, Uint8Array> {
    const answer = this.failure === undefined ? this.ask(header, inputs) : { failure: this.failure };
    if ('failure' in answer) {
      this.failure = answer.failure;
      throw this.lost;
    }
    const { reply, bytes } = answer;
    if ('error' in reply) throw refusal(header.operation, reply.error);
    return splitBytes(reply.outputs, bytes);
  }

  /** Ends it, and all that it has forked. */
  end(): void {
    void this.thread.terminate();
  }

  private ask(header: CallHeader, inputs: readonly Uint8Array[]): Answer {
    const seen = Atomics.load(this.answers, 0);
    this.calls += 1;
    const request: Request = { id: this.calls, ...header };
    const bytes = joinBytes(inputs);
    this.port.postMessage({ request, bytes } satisfies ThreadRequest, [bytes.buffer]);
    Atomics.wait(this.answers, 0, seen);
    return receiveMessageOnPort(this.port)!.message as Answer;
  }
}

function firstMessage(thread: Worker): Promise<Start> {
  return new Promise((resolve) => {
    const failure = `said no hello within ${HELLO_LIMIT / 1000} s`;
    const timer = setTimeout(() => resolve({ failure }), HELLO_LIMIT);
    thread.once('message', (start: Start) => {
      clearTimeout(timer);
      resolve(start);
    });
  });
}

/** What a program leaves out, it says call by call: it has no other way to claim some routers and not others. */
function refusal(operation: string, { code, message }: { code: string; message: string }): Error {
  if (code === 'UNSUPPORTED_OPERATION') return new NotClaimed(message);
  const details = { argument: operation, found: `the backend's error '${message}'`, expected: 'results' };
  return new InvalidArgumentError(code as ErrorCode, details);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function splitBytes(headers: readonly TensorHeader[], bytes: Uint8Array): Map<string, Uint8Array> {
  let offset = 0;
  return new Map(
    headers.map(({ name, bytes: length }) => {
      offset += length;
      return [name, bytes.subarray(offset - length, offset)];
    }),
  );
}
