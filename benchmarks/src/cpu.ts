import { cpus } from 'node:os';
import { type CpuBackend, cpu } from '@moe-dispatch/backend-cpu';
import {
  DTYPES,
  float32ToBfloat16,
  float32ToFloat16,
  moeDispatch,
  prepare,
  prepareDispatch,
  type RouterOptions,
  selectBackend,
} from '@moe-dispatch/core';
import { leastTimes } from './measure.js';
import { gatingValues, type Shape, shape, shapeName } from './shapes.js';

type FloatDType = 'float32' | 'float16' | 'bfloat16';
/** In times memcpy, with one thread and with two. */
type Goals = readonly [number, number];

/** What issue 13 sets as goals. */
const CASES: {
  size: Shape;
  float32?: Goals;
  bfloat16?: Goals;
  /** Whether it is one of the larger shapes, for which there are goals of moeReduce. */
  large?: boolean;
  /** Choose by sigmoid and a bias, not by a plain softmax. */
  biased?: boolean;
}[] = [
  { size: shape(1, 4096, 8, 2), float32: [3, 3] },
  { size: shape(64, 7168, 256, 8), float32: [1.4, 0.9] },
  { size: shape(1280, 768, 48, 6), float32: [1.6, 1.2] },
  { size: shape(4096, 4096, 8, 2), float32: [0.95, 0.75], large: true },
  { size: shape(4096, 2048, 128, 8), float32: [1.25, 0.9], bfloat16: [1.5, 1.05], large: true },
  { size: shape(16384, 1024, 64, 6), float32: [1.25, 0.9], large: true },
  { size: shape(8192, 64, 64, 6), float32: [14, 9] },
  { size: shape(8192, 64, 64, 6), biased: true },
];
const REDUCE_GOALS: Record<FloatDType, Goals> = {
  float32: [1.6, 1.1],
  float16: [3.5, 2],
  bfloat16: [3.5, 2],
};
const TURNS = 31;
const THREADS = [1, 2] as const;

/** The same bytes as a dispatch moves: every row read `topK` times, `topK` × `tokens` rows written. */
function memcpy(source: Uint8Array, target: Uint8Array, topK: number): void {
  for (let k = 0; k < topK; k++) target.set(source, k * source.length);
}

function inDType(values: Float32Array, dtype: FloatDType) {
  if (dtype === 'float32') return values;
  return dtype === 'float16' ? float32ToFloat16(values) : float32ToBfloat16(values);
}

/** Prepared runs of a backend, their tensors in its own memory. */
function workOf(backend: CpuBackend, size: Shape, dtype: FloatDType, biased: boolean) {
  const { tokens, hidden, numExperts, topK } = size;
  const values = Float32Array.from({ length: tokens * hidden }, (_, i) => ((i * 7919) % 1999) / 1000 - 1);
  const x = backend.tensor(inDType(values, dtype), [tokens, hidden], dtype);
  const gating = backend.tensor(gatingValues(size), [tokens, numExperts], 'float32');
  const biases = Float32Array.from({ length: numExperts }, (_, i) => ((i * 37) % 11) / 100);
  const eScoreCorrectionBias = backend.tensor(biases, [numExperts], 'float32');
  const router: RouterOptions = biased ? { router: { topK, scoringFunc: 'sigmoid' } } : { moeTopk: topK };
  const tensors = biased ? { eScoreCorrectionBias } : {};
  const out = moeDispatch(x, gating, { ...router, ...tensors });
  const names = biased ? (['eScoreCorrectionBias'] as const) : [];
  const dispatch = prepareDispatch(backend, { tokens, hidden, numExperts, dtype, ...router, tensors: names });
  const reduce = prepare(backend, 'moeReduce', { tokens, hidden, moeTopk: topK, dtype });
  const sums = reduce.outputs();
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  return {
    dispatch: () => dispatch.run(x, gating, out, tensors),
    reduce: () =>
      reduce.run(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, null, sums),
    dispose() {
      for (const thing of [x, gating, eScoreCorrectionBias, sums, out, dispatch, reduce]) thing.dispose();
    },
  };
}

function measure(backends: readonly CpuBackend[], size: Shape, dtype: FloatDType, biased: boolean) {
  const [one, two] = backends.map((backend) => workOf(backend, size, dtype, biased));
  const bytes = size.tokens * size.hidden * DTYPES[dtype].bytes;
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes * size.topK).fill(2);
  const times = leastTimes(
    {
      memcpy: () => memcpy(source, target, size.topK),
      dispatch1: one.dispatch,
      dispatch2: two.dispatch,
      reduce1: one.reduce,
      reduce2: two.reduce,
    },
    TURNS,
  );
  one.dispose();
  two.dispose();
  return times;
}

const times = (value: number, goal?: number): string =>
  `${value.toFixed(2)}${goal === undefined ? '' : value <= goal ? ` (goal ${goal})` : ` (**over** goal ${goal})`}`;

const backends = await Promise.all(THREADS.map((threads) => selectBackend([cpu({ threads })])));
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${backends[1].info.device}\n`,
);
console.log(
  `| T, D, E, K | dtype | memcpy ms | dispatch, 1 thread | 2 threads | reduce, 1 thread | 2 threads |`,
);
console.log('|---|---|---:|---:|---:|---:|---:|');
for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
  for (const { size, large, biased = false, ...goals } of CASES) {
    const found = measure(backends, size, dtype, biased);
    const goal = dtype === 'float16' ? undefined : goals[dtype];
    const reduceGoal = large ? REDUCE_GOALS[dtype] : undefined;
    const row = [
      `${shapeName(size)}${biased ? ', sigmoid and bias' : ''}`,
      dtype,
      found.memcpy.toPrecision(3),
      times(found.dispatch1 / found.memcpy, goal?.[0]),
      times(found.dispatch2 / found.memcpy, goal?.[1]),
      times(found.reduce1 / found.memcpy, reduceGoal?.[0]),
      times(found.reduce2 / found.memcpy, reduceGoal?.[1]),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
}
for (const backend of backends) backend.dispose();
