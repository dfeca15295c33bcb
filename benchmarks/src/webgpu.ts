// The WebGPU backend against a plain copy on the same device: GPU time by timestamp queries where the device has them,
// wall time of submit-and-wait otherwise. Node only: `pnpm bench:webgpu [--json FILE] [--max-mib N] [--runs N]`.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { webgpu } from '@moe-dispatch/backend-webgpu';
import {
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepareDispatch,
  type Router,
  type RouterTensorName,
  routeTokens,
} from '@moe-dispatch/core';
import { create } from 'webgpu';
import { H200_ROUTERS, H200_SHAPES } from './h200-shapes.js';
import { gaussians, randomNumbers } from './random.js';
import { copyRate } from './webgpu-copy.js';
import { GpuTimer, median } from './webgpu-timer.js';

/** bfloat16 */
const ELEMENT_BYTES = 2;

/** Logits decide how many tokens have values so close that they need exact scores: more seeds for routers with groups. */
const SEEDS = [1, 2, 3];
/** With more tokens than that, there are always some. */
const MOST_SEEDED = 4096;
/** Of so many tokens, the first has two equal groups at the boundary of those that are kept, if a row is to have such. */
const CLOSE_EVERY = 64;

interface Row {
  model: string;
  /** What the logits are made from. */
  data: string;
  T: number;
  D: number;
  E: number;
  K: number;
  dispatchUs: number;
  dispatchFloorUs: number;
  reduceUs: number;
  reduceFloorUs: number;
  routeUs: number;
  planUs: number;
  permuteUs: number;
  recordCpuUs: number;
}

const { values } = parseArgs({
  options: { json: { type: 'string' }, 'max-mib': { type: 'string' }, runs: { type: 'string' } },
});
const maxBytes = Number(values['max-mib'] ?? Number.POSITIVE_INFINITY) * 2 ** 20;
const runs = Number(values.runs ?? 50);

// Dawn rounds timestamps to 100 µs unless told not to.
const gpu = create([
  'enable-dawn-features=allow_unsafe_apis',
  'disable-dawn-features=timestamp_quantization',
]);
const backend = await webgpu({ gpu }).create();
const timer = new GpuTimer(backend.device, runs);
const bytesPerUs = await copyRate(backend.device, timer, Math.min(maxBytes, 2 ** 30));
const rows: Row[] = [];
for (const [T, D, E, K] of H200_SHAPES) await add('', [T, D, E, K], { topK: K }, 1, false);
for (const { model, router, experts, hidden, tokens } of H200_ROUTERS) {
  for (const T of tokens) {
    const shape: Shape = [T, hidden, experts, router.topK];
    const seeds = router.nGroup && T <= MOST_SEEDED ? SEEDS : SEEDS.slice(0, 1);
    for (const seed of seeds) await add(model, shape, router, seed, false);
    if (router.nGroup) await add(model, shape, router, 1, true);
  }
}
report();
backend.dispose();
process.exit(0);

/** T, D, E, K */
type Shape = [number, number, number, number];

async function add(model: string, shape: Shape, router: Router, seed: number, close: boolean): Promise<void> {
  const [T, D, , K] = shape;
  const largest = T * D * K * ELEMENT_BYTES;
  if (largest <= Math.min(maxBytes, backend.info.limits.maxTensorBytes)) {
    rows.push(await measure(model, shape, router, seed, close));
  } else console.error(`left out: [${shape}] needs a tensor of ${largest} bytes`);
}

/** @param model whose router it is; it has a bias. Empty for a softmax. */
async function measure(
  model: string,
  [T, D, E, K]: Shape,
  router: Router,
  seed: number,
  close: boolean,
): Promise<Row> {
  const random = randomNumbers(seed);
  const logits = gaussians(random, T * E);
  const biases = gaussians(random, E);
  if (close) makeClose(logits, biases, router);
  const x = backend.tensor(randomRows(random, T * D), [T, D], 'bfloat16');
  const gating = backend.tensor(logits, [T, E], 'float32');
  const bias = backend.tensor(biases, [E], 'float32');
  const named = model === '' ? {} : { eScoreCorrectionBias: bias };
  const options = { router, ...named };
  const out = moeDispatch(x, gating, options);
  const prepared = prepareDispatch(backend, {
    tokens: T,
    hidden: D,
    numExperts: E,
    router,
    tensors: Object.keys(named) as RouterTensorName[],
    dtype: 'bfloat16',
  });
  await prepared.ready;
  const recordTimes: number[] = [];
  const dispatchUs = await timer.time((encoder, pass) => {
    const start = performance.now();
    prepared.encode(encoder, x, gating, out, named, pass);
    recordTimes.push((performance.now() - start) * 1000);
  });
  const reduced = backend.empty([T, D], 'bfloat16');
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  const operation = (work: () => void) => timer.time((encoder, pass) => backend.record(encoder, work, pass));
  const reduceUs = await operation(() => {
    moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, { out: reduced });
  });
  const row = {
    ...{ model, data: close ? 'close groups' : `seed ${seed}` },
    ...{ T, D, E, K, dispatchUs, reduceUs, recordCpuUs: median(recordTimes) },
    dispatchFloorUs: (T * D * ELEMENT_BYTES * (1 + K) + T * E * 4 + T * K * 12) / bytesPerUs,
    reduceFloorUs: (T * D * ELEMENT_BYTES * (1 + K) + T * K * 12) / bytesPerUs,
    routeUs: await operation(() => routeTokens(gating, { ...options, out })),
    planUs: await operation(() => planDispatch(topKIndices, E, { out })),
    permuteUs: await operation(() => permuteRows(x, out, { out })),
  };
  await backend.settled();
  prepared.dispose();
  for (const tensor of [x, gating, bias, out, reduced]) tensor.dispose();
  return row;
}

/** Finite bfloat16 values around 1, repeated after a while: zeros would be cheaper to sum than what is usual. */
function randomRows(random: () => number, elements: number): Uint16Array<ArrayBuffer> {
  const pattern = Uint16Array.from({ length: 65521 }, () => 0x3f00 + Math.floor(random() * 256));
  const rows = new Uint16Array(elements);
  for (let at = 0; at < elements; at += pattern.length) rows.set(pattern.subarray(0, elements - at), at);
  return rows;
}

/** Small biases, the same in the first two groups; some tokens have equal logits there, and others above and below. */
function makeClose(logits: Float32Array, biases: Float32Array, { nGroup = 1, topkGroup = 1 }: Router): void {
  const E = biases.length;
  const width = E / nGroup;
  for (let e = 0; e < E; e++) biases[e] *= 0.01;
  biases.copyWithin(width, 0, width);
  for (let first = 0; first < logits.length; first += CLOSE_EVERY * E) {
    logits.copyWithin(first + width, first, first + width);
    for (let e = 2 * width; e < E; e++) logits[first + e] += e < (topkGroup + 1) * width ? 4 : -4;
  }
}

function report(): void {
  const { info } = backend;
  const kind = timer.onGpu
    ? 'GPU time by timestamp queries'
    : 'wall time of submit-and-wait (no timestamp queries)';
  console.log(
    `bfloat16 on ${info.device}; ${kind}, median of ${runs}; copy ${(bytesPerUs / 1e6).toFixed(3)} TB/s\n`,
  );
  const head = [
    'router',
    'logits',
    'T',
    'D',
    'E',
    'K',
    'dispatch µs',
    'floor µs',
    '/ floor',
    'reduce µs',
    '/ floor',
    'route',
    'plan',
  ];
  head.push('permute', 'CPU record µs');
  console.log(`| ${head.join(' | ')} |\n|${head.map((_, i) => (i < 2 ? '---' : '---:')).join('|')}|`);
  for (const row of rows) {
    const { T, D, E, K, dispatchUs, dispatchFloorUs, reduceUs, reduceFloorUs, routeUs, planUs, permuteUs } =
      row;
    const cells = [
      dispatchUs,
      dispatchFloorUs,
      dispatchUs / dispatchFloorUs,
      reduceUs,
      reduceUs / reduceFloorUs,
    ];
    cells.push(routeUs, planUs, permuteUs, row.recordCpuUs);
    console.log(
      `| ${[row.model || 'softmax', row.data, T, D, E, K, ...cells.map((cell) => cell.toFixed(2))].join(' | ')} |`,
    );
  }
  const { name, device, limits } = info;
  const result = { backend: { name, device, limits }, timing: kind, runs, copyTBps: bytesPerUs / 1e6, rows };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
}
