import type { FloatDType, RouterOptions } from '@moe-dispatch/core';
import type { Words } from './problem.js';

/** A tensor of a call: its values, shape and dtype. */
export interface Values {
  data: Float32Array | Uint16Array | Int32Array | Uint8Array;
  shape: number[];
  dtype: FloatDType | 'int32' | 'uint8';
}

/** A dispatch of any size and router that takes a moment on the CPU. */
export interface DrawnCall {
  tokens: number;
  hidden: number;
  experts: number;
  topK: number;
  options: RouterOptions;
  x: Values;
  gating: Values;
  /** Those of the router. */
  tensors: Record<string, Values>;
}

const EXPERTS = [1, 2, 5, 8, 16, 17, 48, 64, 96, 128, 160, 200, 256, 384, 512, 1000, 1025, 2048, 8192];
const TOP_K = [1, 2, 3, 4, 6, 8, 9, 12, 33, 300];
const TOKENS = [1, 2, 3, 4, 16, 31, 64, 130, 700, 3000];
const HIDDEN = [1, 3, 8, 24, 64, 72, 255, 1024];

/** Draws one of some values. */
const from = <V>(words: Words, ...values: V[]): V => values[words.below(values.length)]!;
const chance = (words: Words, oneIn: number): boolean => words.below(oneIn) === 0;

/** @param most about how many gating values and elements of rows there may be. */
export function drawCall(words: Words, most = 200_000): DrawnCall {
  const experts = from(words, ...EXPERTS);
  const mode = from(words, 'softmax', 'group', 'topk-only', ...Array<string>(5).fill('router'));
  let topK = Math.min(experts, from(words, ...TOP_K));
  while (mode === 'group' && experts % topK !== 0) topK--;
  const drawn = mode === 'router' ? drawRouter(words, experts, topK) : undefined;
  if (drawn) topK = drawn.router.topK;
  const tokens = Math.min(Math.max(1, Math.floor(most / Math.max(experts, topK))), from(words, ...TOKENS));
  const hidden = Math.min(from(words, ...HIDDEN), Math.max(1, Math.floor((2 * most) / (tokens * topK))));
  const options = drawn
    ? { router: drawn.router as never }
    : { moeTopk: topK, groupMoe: mode === 'group', topkOnlyMode: mode === 'topk-only' };
  const names = drawn ? drawn.tensors : chance(words, 3) ? ['tokenMask', 'globalScale'] : [];
  const tensors = drawTensors(words, names, { tokens, experts, topK });
  const dtype = from(words, 'float32' as const, 'bfloat16' as const, 'float16' as const);
  const x = drawRows(words, [tokens, hidden], dtype);
  return { tokens, hidden, experts, topK, options, x, gating: drawGating(words, tokens, experts), tensors };
}

/** A router that core takes, and the names of the tensors for it. */
function drawRouter(words: Words, experts: number, wanted: number) {
  const selection = from(words, 'topk', 'topk', 'topk', 'topk', 'given', 'sparsemixer');
  if (selection === 'sparsemixer' && experts >= 2) {
    const tensors = chance(words, 2) ? ['tokenMask'] : [];
    return { router: { topK: 2, selection, jitterEps: from(words, 0, 0.01, 0.2) }, tensors };
  }
  const given = selection === 'given';
  const scoringFunc = from(words, 'softmax', 'sigmoid', 'sigmoid', 'sqrtsoftplus', 'none');
  const normTopkProb = chance(words, 2);
  const capacity = chance(words, 4) ? 1 + words.below(20) : undefined;
  const zeros = chance(words, 4) && experts > 1 ? 1 + words.below(experts - 1) : 0;
  const kind = from(words, 'identity', 'skip');
  const groups = given ? { topK: wanted } : drawGroups(words, experts, wanted);
  const router = {
    ...groups,
    scoringFunc,
    normTopkProb,
    ...(normTopkProb && { normEps: from(words, 0, 1e-20, 0.1) }),
    routedScalingFactor: from(words, 1, 2.5),
    ...(zeros > 0 && { zeroExperts: { count: zeros, kind } }),
    ...(zeros === 0 || kind === 'skip' ? { applyRouterWeightOnInput: chance(words, 4) } : {}),
    ...(capacity && { expertCapacity: capacity, dropPolicy: from(words, 'position', 'probs') }),
    ...(capacity && normTopkProb && { normBeforeDrop: chance(words, 2) }),
  };
  const tensors = ['perExpertScale', 'globalScale', 'tokenMask'].filter(() => chance(words, 4));
  if (given) tensors.push('expertIds');
  else if (chance(words, 2)) tensors.push('eScoreCorrectionBias');
  if (normTopkProb && scoringFunc !== 'softmax' && chance(words, 3)) tensors.push('sharedLogits');
  return { router, tensors };
}

/** Groups of which some are kept, if the number of experts has a divisor. */
function drawGroups(words: Words, experts: number, wanted: number) {
  const divisors = [2, 3, 4, 5, 8, 16, 64, 1024].filter((each) => each <= experts && experts % each === 0);
  if (divisors.length === 0 || chance(words, 2)) return { topK: wanted };
  const nGroup = from(words, ...divisors);
  const topkGroup = 1 + words.below(nGroup);
  const groupScoreFunc = from(words, 'max', 'top2_sum');
  return { topK: Math.min(wanted, (experts / nGroup) * topkGroup), nGroup, topkGroup, groupScoreFunc };
}

function drawTensors(
  words: Words,
  names: string[],
  sizes: { tokens: number; experts: number; topK: number },
) {
  const { tokens, experts, topK } = sizes;
  const floats = (...shape: number[]): Values => {
    const data = words.floats(shape.reduce((a, b) => a * b));
    if (chance(words, 3)) for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i]!) / 4;
    return { data, shape, dtype: 'float32' };
  };
  const makers: Record<string, () => Values> = {
    eScoreCorrectionBias: () => floats(experts),
    perExpertScale: () => floats(experts),
    globalScale: () => floats(1),
    sharedLogits: () => floats(tokens, 1 + words.below(3)),
    expertIds: () => ({
      data: Int32Array.from({ length: tokens * topK }, () => words.below(experts + 1) - 1),
      shape: [tokens, topK],
      dtype: 'int32',
    }),
    tokenMask: () => ({
      data: Uint8Array.from({ length: tokens }, () => words.below(3)),
      shape: [tokens],
      dtype: 'uint8',
    }),
  };
  return Object.fromEntries(names.map((name) => [name, makers[name]!()]));
}

/** Values of usual and of unusual sizes, with ties, and a few that count as others. */
function drawGating(words: Words, tokens: number, experts: number): Values {
  const shape = [tokens, experts];
  const count = tokens * experts;
  const dtype = from(words, 'float32' as const, 'float32' as const, 'float16' as const, 'bfloat16' as const);
  if (dtype !== 'float32') {
    const mask = from(words, 0xffff, 0xbfff, 0xbff8);
    return { data: Uint16Array.from({ length: count }, () => words.next() & mask), shape, dtype };
  }
  const data = words.floats(count);
  if (chance(words, 3)) for (let i = 0; i < count; i++) data[i] = Math.round(data[i]!);
  if (chance(words, 4)) data.fill([Number.NaN, Infinity, -Infinity, -0][words.below(4)]!, 0, words.below(9));
  if (chance(words, 4)) for (let i = 0; i < count; i++) data[i]! *= 1e-3;
  if (chance(words, 8)) for (let i = 0; i < count; i++) data[i]! *= 1e38;
  return { data, shape, dtype };
}

function drawRows(words: Words, shape: number[], dtype: FloatDType): Values {
  const count = shape.reduce((a, b) => a * b);
  if (dtype === 'float32') return { data: words.floats(count), shape, dtype };
  return { data: words.uint16(count), shape, dtype };
}
