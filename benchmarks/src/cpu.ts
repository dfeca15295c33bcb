import { cpus } from 'node:os';
import { type CpuBackend, type CpuTensor, cpu } from '@moe-dispatch/backend-cpu';
import {
  DTYPES,
  float32ToBfloat16,
  moeDispatch,
  moeReduce,
  prepareDispatch,
  type RouterOptions,
  selectBackend,
} from '@moe-dispatch/core';
import { medianTimes } from './measure.js';
import { gatingValues, type Shape, shape, shapeName } from './shapes.js';

/** What issues 2 and 12 set as goals, in times memcpy; for bfloat16 only where a second number stands. */
const CASES: {
  size: Shape;
  dispatch: { float32: number; bfloat16?: number };
  reduce?: { float32: number; bfloat16: number };
  /** Choose by sigmoid and a bias, not by a plain softmax. */
  biased?: boolean;
}[] = [
  { size: shape(1, 4096, 8, 2), dispatch: { float32: 3 } },
  { size: shape(64, 7168, 256, 8), dispatch: { float32: 1.2 } },
  { size: shape(1280, 768, 48, 6), dispatch: { float32: 2 } },
  { size: shape(4096, 4096, 8, 2), dispatch: { float32: 1 } },
  {
    size: shape(4096, 2048, 128, 8),
    dispatch: { float32: 1.25, bfloat16: 1.7 },
    reduce: { float32: 4, bfloat16: 12 },
  },
  { size: shape(16384, 1024, 64, 6), dispatch: { float32: 1.4 } },
  { size: shape(8192, 64, 64, 6), dispatch: { float32: 16 } },
  { size: shape(8192, 64, 64, 6), dispatch: { float32: 24 }, biased: true },
];
const TURNS = 21;

/** The same bytes as a dispatch moves: every row read `topK` times, `topK` × `tokens` rows written. */
function memcpy(source: Uint8Array, target: Uint8Array, topK: number): void {
  for (let k = 0; k < topK; k++) target.set(source, k * source.length);
}

function measure(backend: CpuBackend, size: Shape, dtype: 'float32' | 'bfloat16', biased: boolean) {
  const { tokens, hidden, numExperts, topK } = size;
  const values = Float32Array.from({ length: tokens * hidden }, (_, i) => ((i * 7919) % 1999) / 1000 - 1);
  const x = backend.tensor(dtype === 'float32' ? values : float32ToBfloat16(values), [tokens, hidden], dtype);
  const gating = backend.tensor(gatingValues(size), [tokens, numExperts], 'float32');
  const biases = Float32Array.from({ length: numExperts }, (_, i) => ((i * 37) % 11) / 100);
  const eScoreCorrectionBias = backend.tensor(biases, [numExperts], 'float32');
  const router: RouterOptions = biased ? { router: { topK, scoringFunc: 'sigmoid' } } : { moeTopk: topK };
  const tensors = biased ? { eScoreCorrectionBias } : {};
  const options = { ...router, ...tensors };
  const out = moeDispatch(x, gating, options);
  const names = biased ? (['eScoreCorrectionBias'] as const) : [];
  const prepared = prepareDispatch(backend, { tokens, hidden, numExperts, dtype, ...router, tensors: names });
  const reduced = backend.empty([tokens, hidden], dtype);
  const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  const bytes = tokens * hidden * DTYPES[dtype].bytes;
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes * topK).fill(2);
  const times = medianTimes(
    {
      memcpy: () => memcpy(source, target, topK),
      prepared: () => prepared.run(x, gating, out, tensors),
      dispatch: () => moeDispatch(x, gating, options).dispose(),
      reduce: () => {
        moeReduce(out.permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, { out: reduced });
      },
    },
    TURNS,
  );
  prepared.dispose();
  for (const tensor of [x, gating, eScoreCorrectionBias, reduced] as CpuTensor[]) tensor.dispose();
  out.dispose();
  return times;
}

const ms = (value: number): string => value.toPrecision(3);
const times = (value: number, goal?: number): string =>
  `${value.toFixed(2)}${goal === undefined ? '' : value <= goal ? ` (goal ${goal})` : ` (**over** goal ${goal})`}`;

const backend = await selectBackend([cpu()]);
console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${backend.info.device}`);
console.log(`Milliseconds a call, median of ${TURNS}; the ratios are times memcpy of the same bytes.\n`);
console.log('| T, D, E, K | dtype | memcpy | prepared run | × | moeDispatch + dispose | × | moeReduce | × |');
console.log('|---|---|---:|---:|---:|---:|---:|---:|---:|');
for (const dtype of ['float32', 'bfloat16'] as const) {
  for (const { size, dispatch, reduce, biased = false } of CASES) {
    const found = measure(backend, size, dtype, biased);
    const row = [
      `${shapeName(size)}${biased ? ', sigmoid and bias' : ''}`,
      dtype,
      ms(found.memcpy),
      ms(found.prepared),
      times(found.prepared / found.memcpy, dispatch[dtype]),
      ms(found.dispatch),
      times(found.dispatch / found.memcpy, dispatch[dtype]),
      ms(found.reduce),
      times(found.reduce / found.memcpy, reduce?.[dtype]),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
}
