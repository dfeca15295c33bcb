// Run as a thread by foreign-process.ts, whose thread waits while this one talks to the process.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { MessageReader, NoMessage } from './message-reader.js';
import type { Hello, Reply, Request } from './messages.js';
import { bytesBehind, readHello, readReply } from './read-messages.js';

/** What the thread is made with. */
export interface ThreadData {
  readonly command: string;
  /** Requests come in, answers go out. */
  readonly port: MessagePort;
  /** Counts the answers. */
  readonly answers: Int32Array<SharedArrayBuffer>;
}

export interface ThreadRequest {
  readonly request: Request;
  /** Of the inputs, one after the other. */
  readonly bytes: Uint8Array;
}

/** What became of a request, or of the process before its hello. */
export type Answer =
  | { readonly reply: Reply; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The process is of no more use. */
  | { readonly failure: string };

/** The first message of the thread. */
export type Start = { readonly hello: Hello } | { readonly failure: string };

const STDERR_TAIL = 500;
/** How long what a process wrote last may take to arrive, in milliseconds: one that it forked may keep the pipe open. */
const DRAIN = 200;

const { command, port, answers } = workerData as ThreadData;
const isWindows = process.platform === 'win32';
const child = spawn(command, { shell: true, detached: !isWindows, stdio: ['pipe', 'pipe', 'pipe'] });
if (!isWindows && child.pid !== undefined) guard(child.pid);

let pending: Request | 'hello' | undefined = 'hello';
let failure: string | undefined;
let stderr = '';
const reader = new MessageReader((header) => {
  if (pending === 'hello') return readHello(header) && 0;
  if (pending !== undefined) return bytesBehind(readReply(header, pending));
  throw new NoMessage(`wrote a message that nobody asked for: ${JSON.stringify(header).slice(0, 200)}`);
});

port.on('message', ({ request, bytes }: ThreadRequest) => {
  if (failure !== undefined) return answer({ failure });
  pending = request;
  child.stdin.write(`${JSON.stringify(request)}\n`);
  if (bytes.length > 0) child.stdin.write(bytes);
});
// Why it does not read any more is for its end to say.
child.stdin.on('error', () => {});
child.stdout.on('data', (chunk: Buffer) => attempt(() => receive(chunk)));
child.stderr.on('data', (chunk: Buffer) => {
  stderr = (stderr + chunk.toString()).slice(-STDERR_TAIL);
  writeSync(2, chunk);
});
child.once('error', (error) => fail(`could not be started: ${error.message}`));
child.once('exit', (code, signal) => whenDrained(child, () => fail(endOf(code, signal))));
process.on('uncaughtException', (error) => fail(String(error)));

/**
 * Kills the process and all that it has forked when this thread is no more, however that ends: the kernel closes the pipe.
 */
function guard(group: number): void {
  const script = `cat > /dev/null; kill -s KILL -- -${group}`;
  spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] }).unref();
}

function receive(chunk: Buffer): void {
  const message = reader.push(chunk);
  if (message === undefined || failure !== undefined) return;
  const asked = pending;
  pending = undefined;
  if (asked === 'hello') parentPort!.postMessage({ hello: message.header as Hello } satisfies Start);
  else answer({ reply: message.header as Reply, bytes: message.bytes });
}

function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof NoMessage)) throw error;
    fail(error.message);
  }
}

/** Answers what is asked now, and whatever will be. */
function fail(words: string): void {
  if (failure !== undefined) return;
  failure = words;
  if (pending === 'hello') parentPort!.postMessage({ failure } satisfies Start);
  else if (pending !== undefined) answer({ failure });
  pending = undefined;
}

function answer(message: Answer): void {
  port.postMessage(message, 'bytes' in message ? [message.bytes.buffer] : []);
  Atomics.add(answers, 0, 1);
  Atomics.notify(answers, 0);
}

function whenDrained({ stdout }: ChildProcess, done: () => void): void {
  const timer = setTimeout(done, DRAIN);
  stdout!.once('close', () => {
    clearTimeout(timer);
    done();
  });
}

function endOf(code: number | null, signal: string | null): string {
  const where = reader.unfinished === undefined ? '' : ` in the middle of a message (${reader.unfinished})`;
  const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
  return `ended with ${signal ?? `code ${code}`}${where}${said}`;
}
