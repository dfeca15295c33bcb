import { type Backend, moeDispatch } from '@moe-dispatch/core';
import type { Timing } from '../protocol.js';
import type { DispatchInput } from './input.js';
import { type Uploaded, upload } from './upload.js';

const WARM_UPS = 2;
const MIN_RUNS = 3;
const MAX_RUNS = 21;
const MAX_MS = 1500;

/** Median time from moeDispatch, with its input in the backend's memory, until its results can be read. */
export async function timeDispatch(backend: Backend, input: DispatchInput): Promise<Timing> {
  const uploaded = upload(backend, input);
  const times: number[] = [];
  try {
    const end = performance.now() + MAX_MS;
    for (let run = -WARM_UPS; run < MAX_RUNS; run++) {
      if (run >= MIN_RUNS && performance.now() > end) break;
      const ms = await timeOnce(uploaded);
      if (run >= 0) times.push(ms);
    }
  } finally {
    uploaded.dispose();
  }
  const { name, device } = backend.info;
  return { name, device, medianMs: median(times), runs: times.length };
}

async function timeOnce({ x, gating, options }: Uploaded): Promise<number> {
  const start = performance.now();
  const out = moeDispatch(x, gating, options);
  // A small read waits for the device; on the CPU everything is done already.
  await out.expertOffsets.read();
  const ms = performance.now() - start;
  out.dispose();
  return ms;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
