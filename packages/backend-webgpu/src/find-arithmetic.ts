import { moeReduce } from '@moe-dispatch/core';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import { WebGpuBackend } from './webgpu-backend.js';

const TOKENS = 16;
/** No multiple of 4: rows are summed value by value, so that one value's doubts save no other. */
const HIDDEN = 42;
const TOP_K = 3;
const EXPERTS = 2;

/** The exponents that values have, as float32 has them: ordinary ones, those of subnormals, small and large ones. */
const EXPONENTS = [
  [120, 134],
  [0, 1],
  [1, 64],
  [190, 254],
];
const ORDINARY = 0;
const ZEROS = EXPONENTS.length;
const SPECIAL = [0, 0x80000000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000];

/** Asks the device for sums that tell how it rounds: the most trusting arithmetic that gets all of them right. */
export async function findArithmetic(device: GPUDevice): Promise<Arithmetic> {
  for (const arithmetic of ['floats', 'normal floats'] as const) {
    const backend = new WebGpuBackend(device, false, undefined, arithmetic);
    try {
      if (await isRight(backend)) return arithmetic;
    } catch {
      // A device that cannot answer is not trusted; calls will tell what is wrong with it.
    } finally {
      backend.dispose();
    }
  }
  return 'integers';
}

async function isRight(backend: WebGpuBackend): Promise<boolean> {
  const { rows, weights, bias, map, experts } = question();
  const sums = await moeReduce(
    backend.tensor(rows, [TOP_K * TOKENS, HIDDEN], 'float32'),
    backend.tensor(weights, [TOKENS, TOP_K], 'float32'),
    backend.tensor(map, [TOP_K, TOKENS], 'int32'),
    backend.tensor(experts, [TOKENS, TOP_K], 'int32'),
    { ffn2Bias: backend.tensor(bias, [EXPERTS, HIDDEN], 'float32') },
  ).read();
  return answers(rows, weights, bias).every((answer, i) => Object.is(answer, sums[i]));
}

/** Whether a choice meets other values than ordinary ones: one of a token's, or all of them. */
function isUnusual(token: number, k: number): boolean {
  return token % 4 === k || token % 4 === 3;
}

/** Expert 0 has an ordinary bias. */
function expertOf(choice: number): number {
  return Number(isUnusual(Math.floor(choice / TOP_K), choice % TOP_K));
}

/** Every kind of weight meets every kind of row, by the column, and of bias. */
function question() {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const value = (kind: number) => {
    if (kind === ZEROS) return 0;
    if (random(16) === 0) return SPECIAL[random(SPECIAL.length)];
    const [from, to] = EXPONENTS[kind];
    // Half of them with so few bits that sums and products are often ties.
    const mantissa = random(2) === 0 ? random(2 ** 23) : random(2 ** 12) << 11;
    return random(2) * 2 ** 31 + (from + random(to - from)) * 2 ** 23 + mantissa;
  };
  const floats = (rows: number, columns: number, kind: (row: number, column: number) => number) => {
    const bits = Uint32Array.from({ length: rows * columns }, (_, i) => {
      return value(kind(Math.floor(i / columns), i % columns));
    });
    return new Float32Array(bits.buffer);
  };
  return {
    rows: floats(TOP_K * TOKENS, HIDDEN, (row, column) => {
      return isUnusual(row % TOKENS, Math.floor(row / TOKENS)) ? column % 4 : ORDINARY;
    }),
    weights: floats(TOKENS, TOP_K, (token, k) => (isUnusual(token, k) ? Math.floor(token / 4) : ORDINARY)),
    bias: floats(EXPERTS, HIDDEN, (expert, column) => expert * (Math.floor(column / 4) % 5)),
    map: Int32Array.from({ length: TOP_K * TOKENS }, (_, i) => i),
    experts: Int32Array.from({ length: TOKENS * TOP_K }, (_, i) => expertOf(i)),
  };
}

function answers(rows: Float32Array, weights: Float32Array, bias: Float32Array): Float32Array {
  return Float32Array.from({ length: TOKENS * HIDDEN }, (_, i) => {
    const token = Math.floor(i / HIDDEN);
    let sum = 0;
    for (let k = 0; k < TOP_K; k++) {
      const choice = token * TOP_K + k;
      const row = rows[k * TOKENS * HIDDEN + i];
      const value = Math.fround(row + bias[expertOf(choice) * HIDDEN + (i % HIDDEN)]);
      sum = Math.fround(sum + Math.fround(weights[choice] * value));
    }
    return sum;
  });
}
