import { writeFile } from 'node:fs/promises';
import { type Backend, moeDispatch, selectBackend } from '@moe-dispatch/core';
import { writeSafetensors } from '@moe-dispatch/safetensors';
import { factoryOf } from './backends.js';
import { drawLoad } from './draw-load.js';
import { type DemoInput, FileError, loadInput } from './input.js';
import { type DemoOptions, UsageError } from './options.js';
import { type HostResults, readResults, resultsFile, sha256 } from './results.js';
import { compareTimes } from './timing.js';
import { describeReturn, describeToken } from './token.js';

/** @throws UsageError, FileError, SafetensorsError, MoeDispatchError */
export async function runDemo(options: DemoOptions): Promise<void> {
  const input = await loadInput(options);
  const backend = await selectBackend(options.backends.map(factoryOf));
  try {
    await dispatchAndShow(input, backend, options);
  } finally {
    backend.dispose();
  }
}

async function dispatchAndShow(input: DemoInput, backend: Backend, options: DemoOptions): Promise<void> {
  const x = backend.tensor(input.x.data, input.x.shape, input.x.dtype);
  const gating = backend.tensor(input.gating.data, input.gating.shape, input.gating.dtype);
  const out = moeDispatch(x, gating, input.routing);
  const results = await readResults(out);
  const tokens = results.topKIndices.shape[0];
  checkToken(options.token, tokens);

  showBackend(backend);
  showInput(input, tokens, results.tokenNumsPerExpert.data.length);
  showHash(results, input);
  console.log(`\n${drawLoad(results.tokenNumsPerExpert.data, hasColour())}`);
  if (tokens > 0) {
    console.log(`\n${describeToken(options.token, input.x, results)}`);
    console.log(`${await describeReturn(options.token, input.x, out)}`);
  }
  if (results.permuteInput.data.length > 0) await showTimes(backend, input);
  if (options.output !== undefined) await save(options.output, results, input);
}

function checkToken(token: number, tokens: number): void {
  if (token < Math.max(tokens, 1)) return;
  throw new UsageError(`--token: expected an integer from 0 to ${tokens - 1}, found ${token}`);
}

function showBackend({ info, skipped }: Backend): void {
  for (const { name, reason } of skipped) {
    // Most reasons begin with the backend's name.
    line('Skipped', reason.startsWith(`${name}: `) ? reason : `${name}: ${reason}`);
  }
  line('Backend', `${info.name}: ${info.device}`);
}

function showInput({ title, x, routing }: DemoInput, tokens: number, numExperts: number): void {
  const { moeTopk, groupMoe, topkOnlyMode } = routing;
  const group = groupMoe && !topkOnlyMode;
  line('Input', `${title}: ${count(tokens, 'token')} of ${x.shape.at(-1)} ${x.dtype} values`);
  const choice = group ? `the best of each of ${moeTopk} groups` : `top ${moeTopk}`;
  const softmax = `softmax over ${group ? 'the group' : 'all experts'}`;
  line(
    'Routing',
    `${count(numExperts, 'expert')}, ${choice}; scales: ${topkOnlyMode ? 'gating values' : softmax}`,
  );
}

function showHash({ permuteInput }: HostResults, { goldenSha256 }: DemoInput): void {
  const found = sha256(permuteInput.data);
  line('Result', `permuteInput [${permuteInput.shape.join(', ')}], SHA-256`);
  line('', found);
  if (goldenSha256 === undefined) return;
  if (found === goldenSha256) {
    line('', "the same bytes as Paddle's CUDA kernel gave");
  } else {
    line('', `WRONG: Paddle's CUDA kernel gave ${goldenSha256}`);
    process.exitCode = 1;
  }
}

async function showTimes(backend: Backend, input: DemoInput): Promise<void> {
  const { dispatchMs, memcpyMs, bytesWritten, runs } = await compareTimes(backend, input);
  const ratio = (dispatchMs / memcpyMs).toFixed(2);
  console.log();
  line('Time', `${duration(dispatchMs)} for moeDispatch, the median of ${runs} runs`);
  line('', `${duration(memcpyMs)} for a memcpy of the same ${size(bytesWritten)} here: ${ratio} times`);
}

async function save(path: string, results: HostResults, input: DemoInput): Promise<void> {
  const { tensors, metadata } = resultsFile(results, input.routing);
  try {
    await writeFile(path, writeSafetensors(tensors, metadata));
  } catch (error) {
    throw new FileError(`--output ${path}: ${(error as Error).message}`);
  }
  line('Written', path);
}

function line(label: string, text: string): void {
  console.log(`${label.padEnd(8)} ${text}`);
}

function duration(ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(1)} µs` : `${ms.toFixed(2)} ms`;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function hasColour(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
