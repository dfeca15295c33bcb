// Dispatches without end, as a Worker (which reports each round) or as a process that exits with work in flight.
import { parentPort } from 'node:worker_threads';
import { moeDispatch } from '@moe-dispatch/core';
import { cuda } from '../../dist/index.js';

const [tokens, hidden, experts] = [4096, 2048, 64];
const backend = await cuda().create();
const gatingValues = Float32Array.from({ length: tokens * experts }, (_, i) => Math.sin(i * 12.9898));
const x = backend.tensor(new Uint16Array(tokens * hidden).fill(0x3f80), [tokens, hidden], 'bfloat16');
const gating = backend.tensor(gatingValues, [tokens, experts], 'float32');

async function round() {
  const out = moeDispatch(x, gating, { moeTopk: 6 });
  const counts = await out.tokenNumsPerExpert.read();
  out.dispose();
  return Number(counts.reduce((sum, each) => sum + each, 0n));
}

if (parentPort === null) {
  for (let i = 0; i < 200; i++) moeDispatch(x, gating, { moeTopk: 6 }).dispose();
  void x.read();
  if (process.argv[2] === 'exit') process.exit(7);
} else {
  for (;;) parentPort.postMessage(await round());
}
