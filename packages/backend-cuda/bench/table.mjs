// Times moeDispatch and moeReduce in bfloat16 on the first GPU, beside a device copy in the same run, and prints a table
// (Markdown). `pnpm bench:cuda` builds and runs it.
import { createRequire } from 'node:module';
import { moeReduce, prepareDispatch } from '@moe-dispatch/core';
import { H200_ROUTERS, H200_SHAPES } from '../../../benchmarks/dist/h200-shapes.js';
import { gaussians, randomNumbers } from '../../../benchmarks/dist/random.js';
import { cuda, inspect } from '../dist/index.js';

const IN_ROW = 20;
const REPLAYS = 60;
const EAGER_RUNS = 100;

const harness = createRequire(import.meta.url)('../../backend-cuda-linux-x64/build/plain/harness.node');
harness.init(0);
const backend = await cuda().create();
const stream = harness.createStream();
const events = [harness.createEvent(), harness.createEvent()];
const { devices, driver } = await inspect();

const rate = copyRate();
console.log(
  `${devices[0].name}, driver for CUDA ${driver}, Node ${process.version}; ${process.argv.join(' ')}`,
);
console.log(`device copy of 2 GiB: ${(rate / 1e12).toFixed(2)} TB/s, read and written bytes counted\n`);
console.log(
  '| T, D, E, K | floor | dispatch | × floor | eager | call | reduce floor | reduce | × floor | eager | call |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|---|');
for (const [tokens, hidden, experts, moeTopk] of H200_SHAPES) {
  measureShape([tokens, hidden, experts, moeTopk], { moeTopk });
}
for (const { model, router, experts, hidden, tokens } of H200_ROUTERS) {
  for (const count of tokens) measureShape([count, hidden, experts, router.topK], { router }, `${model}: `);
}
backend.dispose();

/** Prints one row of the table. Times in microseconds. A router has a bias. */
function measureShape([tokens, hidden, experts, topK], routing, label = '') {
  const random = randomNumbers(1);
  const x = randomTensor([tokens, hidden]);
  const gating = backend.tensor(randomGating(random, tokens * experts), [tokens, experts], 'float32');
  const bias = backend.tensor(randomGating(random, experts), [experts], 'float32');
  const tensors = routing.router ? { eScoreCorrectionBias: bias } : {};
  const sizes = { tokens, hidden, numExperts: experts, dtype: 'bfloat16', tensors: Object.keys(tensors) };
  const prepared = prepareDispatch(backend, { ...sizes, ...routing });
  const out = prepared.outputs();
  const output = backend.empty([tokens, hidden], 'bfloat16');
  const reduce = () => moeReduce(out.permuteInput, out, { out: output });
  const dispatchBytes = tokens * (hidden * 2 * (1 + topK) + experts * 4 + topK * 12);
  const reduceBytes = tokens * (hidden * 2 * (1 + topK) + topK * 12);
  const cells = [
    ...measure(() => prepared.run(x, gating, out, tensors), dispatchBytes),
    ...measure(reduce, reduceBytes),
  ];
  prepared.dispose();
  for (const each of [x, gating, bias, output, out]) each.dispose();
  console.log(`| ${label}${[tokens, hidden, experts, topK].join(', ')} | ${cells.join(' | ')} |`);
}

/** Floor, time in a graph, its ratio to the floor, time of eager calls, what a call costs JavaScript. */
function measure(operation, bytes) {
  const scope = backend.withStream(stream);
  for (let i = 0; i < 50; i++) operation();
  harness.synchronize(stream);
  harness.beginCapture(stream);
  for (let i = 0; i < IN_ROW; i++) operation();
  const { graph } = harness.endCapture(stream);
  for (let i = 0; i < 5; i++) harness.launchGraph(graph, stream);
  const replay = median(REPLAYS, () => timed(() => harness.launchGraph(graph, stream))) / IN_ROW;
  harness.destroyGraph(graph);
  const calls = [];
  const eager = median(10, () =>
    timed(() => {
      const started = performance.now();
      for (let i = 0; i < EAGER_RUNS; i++) operation();
      calls.push(((performance.now() - started) * 1000) / EAGER_RUNS);
    }),
  );
  scope.end();
  const floor = (bytes / rate) * 1e6;
  const call = calls.sort((a, b) => a - b)[0];
  return [
    floor.toFixed(2),
    replay.toFixed(2),
    (replay / floor).toFixed(2),
    (eager / EAGER_RUNS).toFixed(2),
    call.toFixed(1),
  ];
}

/** Microseconds between two events around what `issue` issues. */
function timed(issue) {
  harness.recordEvent(events[0], stream);
  issue();
  harness.recordEvent(events[1], stream);
  return harness.elapsed(events[0], events[1]) * 1000;
}

function median(count, sample) {
  const samples = Array.from({ length: count }, sample).sort((a, b) => a - b);
  return samples[count >> 1];
}

/** Bytes a second, read and written. */
function copyRate() {
  const bytes = 2 ** 31;
  const [from, to] = [randomTensor([bytes / 2]), backend.empty([bytes / 2], 'bfloat16')];
  harness.synchronize(stream);
  const us = median(20, () => timed(() => harness.copy(to.devicePtr, from.devicePtr, bytes, stream)));
  from.dispose();
  to.dispose();
  return (2 * bytes) / (us / 1e6);
}

/** Random values: zeros would run faster than real data. */
function randomTensor(shape) {
  const tensor = backend.empty(shape, 'bfloat16');
  const block = Math.min(tensor.byteLength, 2 ** 22);
  const random = randomNumbers(2);
  const words = Uint16Array.from({ length: block / 2 }, () => ((random() * 65536) & 0x81ff) | 0x3e00);
  const scope = backend.withStream(stream);
  // Memory is allocated in the order of the stream.
  harness.synchronize(stream);
  harness.write(tensor.devicePtr, words);
  for (let done = block; done < tensor.byteLength; done *= 2) {
    const bytes = Math.min(done, tensor.byteLength - done);
    harness.copy(tensor.devicePtr + BigInt(done), tensor.devicePtr, bytes, stream);
  }
  scope.end();
  return tensor;
}

/** Normal values of standard deviation 2. */
function randomGating(random, count) {
  return gaussians(random, count).map((value) => 2 * value);
}
