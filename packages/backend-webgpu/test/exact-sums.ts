import {
  bfloat16ToFloat32,
  type FloatDType,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '@moe-dispatch/core';

/** A call of moeReduce on the host. */
export interface HostReduce {
  dtype: FloatDType;
  tokens: number;
  hidden: number;
  experts: number;
  topK: number;
  /** [K·T, D] and [E, D], as bits of the dtype. */
  rows: Float32Array | Uint16Array;
  bias: Float32Array | Uint16Array | null;
  scales: Float32Array;
  map: Int32Array;
  choices: Int32Array;
  norm: boolean;
  factor: number;
}

const f = Math.fround;

/** What moeReduce is defined to be, one float32 operation after the other. */
export function exactSums(call: HostReduce): Float32Array | Uint16Array {
  const { dtype, tokens, hidden, experts, topK, map, choices } = call;
  const rows = widen(dtype, call.rows);
  const bias = call.bias && widen(dtype, call.bias);
  const weights = exactWeights(call);
  const sums = new Float32Array(tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < topK; k++) {
      const row = map[k * tokens + token];
      const expert = choices[token * topK + k];
      if (row < 0 || row >= topK * tokens || (bias && (expert < 0 || expert >= experts))) continue;
      const weight = weights[token * topK + k];
      for (let d = 0; d < hidden; d++) {
        const x = rows[row * hidden + d];
        const value = bias ? f(x + bias[expert * hidden + d]) : x;
        sums[token * hidden + d] = f(sums[token * hidden + d] + f(weight * value));
      }
    }
  }
  return narrow(dtype, sums);
}

function exactWeights({ scales, topK, norm, factor }: HostReduce): Float32Array {
  return scales.map((scale, i) => {
    let weight = scale;
    if (norm) {
      const first = i - (i % topK);
      const total = scales.subarray(first, first + topK).reduce((sum, other) => f(sum + other));
      weight = total === 0 ? 0 : f(scale / total);
    }
    return norm || factor !== 1 ? f(weight * f(factor)) : weight;
  });
}

export function widen(dtype: FloatDType, values: Float32Array | Uint16Array): Float32Array {
  if (dtype === 'float32') return values as Float32Array;
  return (dtype === 'float16' ? float16ToFloat32 : bfloat16ToFloat32)(values as Uint16Array);
}

export function narrow(dtype: FloatDType, values: Float32Array): Float32Array | Uint16Array {
  if (dtype === 'float32') return values;
  return (dtype === 'float16' ? float32ToFloat16 : float32ToBfloat16)(values);
}

/** Numbers from 0 to below 1, the same for a seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const EXTREMES = [0, -0, 1e-45, -3e-44, 1.1e-38, 1.2e-38, -2e-30, 1e-20, 1e20, -1e20, 3.4028234663852886e38];
const FACTORS = [1, 1, 2.5, -1.5, 0, 1e38, 1e-38, 1e-45, 16];

type Values = () => number;

/** Values of one kind: ordinary ones, any bits, or with extremes among them. */
function kinds(random: Values): Values[] {
  const pick = (values: readonly number[]) => values[Math.floor(random() * values.length)];
  const word = new Uint32Array(1);
  const ordinary = () => random() * 4 - 2;
  return [
    ordinary,
    () => ordinary() * 2 ** Math.floor(random() * 60 - 120),
    () => ordinary() * 2 ** Math.floor(random() * 10 - 130),
    () => ordinary() * 2 ** Math.floor(random() * 30 + 95),
    () => (random() < 0.3 ? pick(EXTREMES) : ordinary()),
    () =>
      random() < 0.01 ? pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) : ordinary(),
    () => {
      word[0] = random() * 2 ** 32;
      return new Float32Array(word.buffer)[0];
    },
    () => 0,
  ];
}

/** Every layout of rows, choices one by one and together, with and without a bias; more kernels take long to compile. */
const SHAPES = [
  { topKs: [1, 5, 7, 67], hiddens: [8, 64], biased: false },
  { topKs: [4, 8, 68], hiddens: [8, 64], biased: true },
  { topKs: [1, 5, 7, 67], hiddens: [2, 50], biased: true },
  { topKs: [4, 8, 68], hiddens: [2, 50], biased: false },
  { topKs: [4, 8, 68], hiddens: [1, 17, 33], biased: true },
  { topKs: [3, 9, 69], hiddens: [1, 17, 33], biased: false },
];

/** A call of random sizes and contents, extremes included; some indices are out of range. */
export function randomReduce(dtype: FloatDType, seed: number): HostReduce {
  const random = randomNumbers(seed);
  const integer = (below: number) => Math.floor(random() * below);
  const all = kinds(random);
  const kind = () => all[random() < 0.4 ? 0 : integer(all.length)];
  const { topKs, hiddens, biased } = SHAPES[seed % SHAPES.length];
  const tokens = 1 + integer(12);
  const [topK, hidden] = [topKs[integer(topKs.length)], hiddens[integer(hiddens.length)]];
  const experts = topK + integer(4);
  const floats = (count: number, values: Values) =>
    narrow(dtype, Float32Array.from({ length: count }, values));
  // A call's own kind, and now and then any other.
  const mixed =
    (usual: Values): Values =>
    () =>
      (random() < 0.1 ? kind() : usual)();
  const [ofRows, ofBias, ofScales] = [kind(), kind(), kind()];
  const index = (value: number, end: number) => (random() < 0.02 ? [-1, end, -(2 ** 31)][integer(3)] : value);
  return {
    ...{ dtype, tokens, hidden, experts, topK },
    rows: floats(topK * tokens * hidden, mixed(ofRows)),
    bias: biased ? floats(experts * hidden, mixed(ofBias)) : null,
    scales: Float32Array.from({ length: tokens * topK }, mixed(ofScales)),
    map: Int32Array.from({ length: topK * tokens }, () => index(integer(topK * tokens), topK * tokens)),
    choices: Int32Array.from({ length: tokens * topK }, () => index(integer(experts), experts)),
    norm: random() < 0.5,
    factor: FACTORS[integer(FACTORS.length)],
  };
}
