import { type Backend, moeDispatch, type Tensor } from '@moe-dispatch/core';
import type { DemoInput } from './input.js';

const WARM_UPS = 3;
const MAX_RUNS = 31;
const MAX_MS = 2000;

export interface Times {
  /** Median of moeDispatch, its results disposed and reused, until they can be read. */
  readonly dispatchMs: number;
  /** Median of a plain copy on the host: each row of x read once and written K times. */
  readonly memcpyMs: number;
  readonly bytesWritten: number;
  readonly runs: number;
}

/** Takes turns, so that both see the same machine. */
export async function compareTimes(backend: Backend, input: DemoInput): Promise<Times> {
  const x = backend.tensor(input.x.data, input.x.shape, input.x.dtype);
  const gating = backend.tensor(input.gating.data, input.gating.shape, input.gating.dtype);
  const { moeTopk } = input.routing;
  const source = bytesOf(input.x.data);
  const rowBytes = input.x.shape.at(-1)! * input.x.data.BYTES_PER_ELEMENT;
  const target = new Uint8Array(source.length * moeTopk);
  const dispatches: number[] = [];
  const copies: number[] = [];
  const end = performance.now() + MAX_MS;
  for (let run = -WARM_UPS; run < MAX_RUNS && (run < 3 || performance.now() < end); run++) {
    const dispatch = await timeDispatch(x, gating, input);
    const copy = timeCopy(source, target, rowBytes, moeTopk);
    if (run < 0) continue;
    dispatches.push(dispatch);
    copies.push(copy);
  }
  x.dispose();
  gating.dispose();
  return {
    dispatchMs: median(dispatches),
    memcpyMs: median(copies),
    bytesWritten: target.length,
    runs: copies.length,
  };
}

async function timeDispatch(x: Tensor, gating: Tensor, { routing }: DemoInput): Promise<number> {
  const start = performance.now();
  const out = moeDispatch(x, gating, routing);
  // A small read waits for the device; on the CPU everything is done already.
  await out.expertOffsets.read();
  const ms = performance.now() - start;
  out.dispose();
  return ms;
}

function timeCopy(source: Uint8Array, target: Uint8Array, rowBytes: number, copies: number): number {
  const start = performance.now();
  for (let from = 0, to = 0; to < target.length; from += rowBytes) {
    const row = source.subarray(from, from + rowBytes);
    for (let k = 0; k < copies; k++, to += rowBytes) target.set(row, to);
  }
  return performance.now() - start;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
