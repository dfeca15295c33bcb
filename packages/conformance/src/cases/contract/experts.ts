import type { ConformanceCase } from '../conformance-case.js';
import { drawn, type Random, randomRows } from '../data.js';
import { dispatchCase } from './dispatch-case.js';

/** [E, K]: powers of two and their neighbours, K from 1 to E, and the counts of real models. */
const PLAIN: readonly (readonly [numExperts: number, topK: number])[] = [
  [1, 1],
  [2, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 3],
  [7, 7],
  [8, 1],
  [8, 2],
  [8, 8],
  [16, 16],
  [17, 5],
  [31, 31],
  [32, 8],
  [33, 33],
  [63, 7],
  [64, 6],
  [64, 64],
  [65, 9],
  [96, 8],
  [127, 10],
  [128, 8],
  [129, 16],
  [160, 6],
  [192, 12],
  [255, 3],
  [256, 8],
  [256, 256],
  [257, 3],
  [257, 257],
  [384, 8],
  [512, 10],
  [513, 33],
  [1000, 1],
  [1000, 100],
  [1000, 1000],
  [1024, 8],
  [1025, 32],
  [2048, 16],
  [4096, 64],
  [8192, 8],
  [8192, 1000],
  [8192, 8192],
  // Hardly more, because on a software GPU the time grows with the square.
  [8216, 8200],
];

const GROUPED: typeof PLAIN = [
  [1, 1],
  [2, 1],
  [2, 2],
  [4, 2],
  [8, 2],
  [8, 4],
  [8, 8],
  [16, 4],
  [32, 8],
  [64, 8],
  [128, 8],
  [256, 8],
  [256, 256],
  [512, 4],
  [1024, 16],
  [6, 2],
  [12, 3],
  [48, 6],
  [96, 8],
  [1000, 100],
  [8192, 1],
  [8192, 64],
  [8192, 8192],
];

/** Softmax over rows whose sums are hard to get right in float32, with all scales compared. */
const ACCURACY: readonly { readonly name: string; readonly draw: (random: Random, i: number) => number }[] = [
  { name: 'uniform', draw: (random) => random.uniform() },
  { name: 'normal', draw: (random) => 2 * random.normal() },
  { name: 'equal', draw: () => 0.125 },
  // One large term first: added to it one by one in float32, the others all round the same way.
  { name: 'one-large', draw: (_, i) => (i === 0 ? 9 : 0) },
  { name: 'ascending', draw: (_, i) => i / 8192 },
];

/** Numbers of experts and choices, and the accuracy of the softmax over many of them. */
export function expertCases(): ConformanceCase[] {
  const plain = PLAIN.map(([numExperts, moeTopk]) =>
    dispatchCase(`experts/e=${numExperts},k=${moeTopk}`, (random) =>
      normalInput(random, numExperts, moeTopk),
    ),
  );
  const grouped = GROUPED.map(([numExperts, moeTopk]) =>
    dispatchCase(`group/e=${numExperts},k=${moeTopk}`, (random) => ({
      ...normalInput(random, numExperts, moeTopk),
      groupMoe: true,
    })),
  );
  const topkOnly = PLAIN.filter(([numExperts]) => numExperts >= 256).map(([numExperts, moeTopk]) =>
    dispatchCase(`topk-only/e=${numExperts},k=${moeTopk}`, (random) => ({
      ...normalInput(random, numExperts, moeTopk),
      topkOnlyMode: true,
    })),
  );
  return [...plain, ...grouped, ...topkOnly, ...accuracyCases()];
}

function accuracyCases(): ConformanceCase[] {
  const long = ACCURACY.map(({ name, draw }) =>
    dispatchCase(`softmax-accuracy/e=8192,${name}`, (random) => ({
      x: randomRows(random, 'float32', [1, 1]),
      gatingOutput: drawn('float32', [1, 8192], (i) => draw(random, i)),
      moeTopk: 8192,
    })),
  );
  const spreads = [1, 10, 30, 100].map((spread) =>
    dispatchCase(`softmax-accuracy/spread=${spread}`, (random) => ({
      x: randomRows(random, 'float32', [64, 1]),
      gatingOutput: drawn('float32', [64, 64], () => spread * random.normal()),
      moeTopk: 64,
    })),
  );
  return [...long, ...spreads];
}

function normalInput(random: Random, numExperts: number, moeTopk: number) {
  const tokens = numExperts * moeTopk > 100_000 ? 2 : 5;
  return {
    x: randomRows(random, 'float32', [tokens, 1]),
    gatingOutput: drawn('float32', [tokens, numExperts], () => random.normal()),
    moeTopk,
  };
}
