import { type FloatDType, moeDispatch, moeReduce } from '@moe-dispatch/core';
import { checkDispatch, checkReduce, checkReduceOf, reduceInputOf } from '../../checks.js';
import { hostTensor } from '../../host-tensor.js';
import { expectPlan } from '../../oracle.js';
import type { ReduceInput, ReduceOptions } from '../../oracle-reduce.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, FLOAT_DTYPES, fromBits, Random } from '../data.js';

interface Sizes {
  readonly tokens?: number;
  readonly hidden?: number;
  readonly numExperts?: number;
  readonly topK?: number;
}

interface Draws {
  /** Scale of position i of [T, K]. */
  readonly scale?: (i: number) => number;
  /** Element i of ffn_out [K·T, D]. */
  readonly ffn?: (i: number) => number;
  /** Element i of the bias; none without it. */
  readonly bias?: (i: number) => number;
  /** The bias as [E, 1, D]. */
  readonly bias3d?: boolean;
}

/** moeReduce: bias, normalisation, factor, special values and sizes in every float dtype; rows in any order. */
export function reduceCases(): ConformanceCase[] {
  return [
    ...FLOAT_DTYPES.flatMap((dtype) => [...optionCases(dtype), ...valueCases(dtype), ...sizeCases(dtype)]),
    reduceCase('any-rows', (random) => {
      const input = routed(random, 'float32', {}, {});
      const rows = input.permuteIndicesPerToken.data;
      for (let i = 0; i < rows.length; i++) rows[i] = random.below(rows.length);
      return input;
    }),
    // A NaN whose payload is all in the half that a 16-bit float has not: cut off, it is an infinity.
    ...FLOAT_DTYPES.map((dtype) =>
      reduceCase(`nan-scales-of-low-payload,dtype=${dtype}`, (random) => {
        const expertScalesFloat = fromBits([13, 2], (i) => (i % 3 === 0 ? 0xff800001 : 0x7f800001));
        return { ...routed(random, dtype, {}, {}), expertScalesFloat };
      }),
    ),
    roundTripCase(),
  ];
}

function optionCases(dtype: FloatDType): ConformanceCase[] {
  return (['none', '2d', '3d'] as const).flatMap((bias) =>
    [false, true].map((normTopkProb) =>
      reduceCase(`dtype=${dtype},bias=${bias},norm=${normTopkProb}`, (random) => {
        const normal = () => random.normal();
        const draws = { ffn: normal, ...(bias === 'none' ? {} : { bias: normal, bias3d: bias === '3d' }) };
        return { ...routed(random, dtype, {}, draws), normTopkProb, routedScalingFactor: 2.5 };
      }),
    ),
  );
}

function sizeCases(dtype: FloatDType): ConformanceCase[] {
  const sizes: readonly Required<Sizes>[] = [
    { tokens: 0, hidden: 6, numExperts: 4, topK: 2 },
    { tokens: 6, hidden: 0, numExperts: 4, topK: 2 },
    { tokens: 1, hidden: 1, numExperts: 1, topK: 1 },
    { tokens: 5, hidden: 1, numExperts: 3, topK: 3 },
    { tokens: 3, hidden: 257, numExperts: 9, topK: 5 },
    { tokens: 7, hidden: 15, numExperts: 64, topK: 64 },
    { tokens: 2, hidden: 3, numExperts: 1000, topK: 1000 },
    { tokens: 1500, hidden: 17, numExperts: 16, topK: 4 },
    { tokens: 2, hidden: 4099, numExperts: 8, topK: 2 },
  ];
  // Implementations take several choices at once: every number of choices up to a dozen, and none left over.
  const choices = Array.from({ length: 12 }, (_, i) => ({
    tokens: 3,
    hidden: 20,
    numExperts: 16,
    topK: i + 1,
  }));
  // More than a uint16 counts and than WebGPU starts workgroups in one dimension.
  const large: typeof sizes = [
    { tokens: 66_000, hidden: 2, numExperts: 4, topK: 2 },
    { tokens: 2, hidden: 66_001, numExperts: 4, topK: 2 },
  ];
  return [
    ...[...sizes, ...choices].flatMap((size) => [sizeCase(dtype, size, true), sizeCase(dtype, size, false)]),
    ...large.map((size) => sizeCase(dtype, size, true)),
  ];
}

function sizeCase(dtype: FloatDType, size: Required<Sizes>, biased: boolean): ConformanceCase {
  const { tokens, hidden, numExperts, topK } = size;
  const name = `dtype=${dtype},t=${tokens},d=${hidden},e=${numExperts},k=${topK}${biased ? ',bias' : ''}`;
  return reduceCase(name, (random) =>
    routed(random, dtype, size, biased ? { bias: () => random.normal() } : {}),
  );
}

interface Values {
  readonly name: string;
  readonly draws: (random: Random) => Draws;
  readonly options?: ReduceOptions;
  readonly sizes?: Sizes;
  /** What comes in between leaves the range of float32: no bound holds for a backend that is not exact. */
  readonly extreme?: boolean;
}

const NORM: ReduceOptions = { normTopkProb: true };
const INF = Number.POSITIVE_INFINITY;
const LARGEST = { float32: 3e38, float16: 60000, bfloat16: 3e38 };
/** Scales that bring the results among the dtype's subnormals. */
const TINY = { float32: 2 ** -130, float16: 2 ** -20, bfloat16: 2 ** -130 };
const SMALLEST = { float32: 2 ** -149, float16: 2 ** -24, bfloat16: 2 ** -133 };

function valueCases(dtype: FloatDType): ConformanceCase[] {
  return [...scaleValues(), ...rowValues(), ...rangeValues(dtype)].map(
    ({ name, draws, options, sizes = {}, extreme = false }) => {
      const build = (random: Random) => ({ ...routed(random, dtype, sizes, draws(random)), ...options });
      const { id, run } = reduceCase(`${name},dtype=${dtype}`, build);
      if (!extreme) return { id, run };
      return {
        id,
        run: async (session) => {
          session.requireExact();
          await run(session);
        },
      };
    },
  );
}

function scaleValues(): Values[] {
  return [
    { name: 'zero-scales,norm', draws: () => ({ scale: () => 0, ffn: () => 1 }), options: NORM },
    {
      name: 'scales-that-cancel,norm',
      draws: () => ({ scale: (i) => (i % 2 === 0 ? 1 : -1), ffn: (i) => i + 1 }),
      options: NORM,
    },
    {
      // In float32 each other token's scales sum to 0, and in float64 none's.
      name: 'scales-that-cancel-in-float32,norm',
      draws: () => ({ scale: (i) => [1, -1, 2 ** -30, 2 ** -30, 1, -1][i % 6], ffn: (i) => i + 1 }),
      options: NORM,
      sizes: { topK: 3 },
    },
    {
      name: 'zero-scales,norm,infinite-rows',
      draws: (random) => ({ scale: () => 0, ffn: () => random.pick([INF, -INF, Number.NaN]) }),
      options: NORM,
    },
    {
      // One weight of 1: a row and its bias, rounded once.
      name: 'one-choice,bias,norm',
      draws: (random) => ({ bias: () => random.normal() }),
      options: NORM,
      sizes: { tokens: 200, hidden: 50, topK: 1 },
    },
    {
      name: 'tiny-scales,norm',
      draws: () => ({ scale: () => 3e-44, ffn: () => 1.2 }),
      options: NORM,
      extreme: true,
    },
    {
      name: 'huge-scales,huge-rows,norm',
      draws: () => ({ scale: () => 1e20, ffn: () => 1e20 }),
      options: NORM,
      extreme: true,
    },
    { name: 'negative-scales', draws: (random) => ({ scale: () => -random.uniform() }) },
    {
      name: 'negative-scales,norm',
      draws: (random) => ({ scale: () => -0.1 - random.uniform() }),
      options: { normTopkProb: true, routedScalingFactor: -3 },
    },
    { name: 'nan-scales', draws: (random) => ({ scale: () => random.pick([Number.NaN, 1, 2, 0.5]) }) },
    { name: 'infinite-scales', draws: (random) => ({ scale: () => random.pick([INF, 0, 1, 2, 0.5]) }) },
    {
      name: 'zero-scale-of-infinity',
      draws: (random) => ({ scale: () => random.pick([0, 1]), ffn: () => random.pick([INF, 2]) }),
    },
  ];
}

function rowValues(): Values[] {
  return [
    { name: 'infinities', draws: (random) => ({ ffn: () => random.pick([INF, -INF, 1, -2, 3]) }) },
    { name: 'nan', draws: (random) => ({ ffn: () => random.pick([Number.NaN, 1, -2, 3, 4, 5]) }) },
    { name: 'factor-zero', draws: () => ({}), options: { routedScalingFactor: 0 } },
    { name: 'factor-large', draws: () => ({}), options: { routedScalingFactor: 1000 } },
    { name: 'factor=1e38', draws: () => ({}), options: { routedScalingFactor: 1e38 }, extreme: true },
    {
      name: 'factor=1e-38,norm',
      draws: () => ({}),
      options: { normTopkProb: true, routedScalingFactor: 1e-38 },
      extreme: true,
    },
    {
      // As float32 it is 1 + 2^-23, twice as far from 1.
      name: 'factor-between-two-of-float32,norm',
      draws: () => ({}),
      options: { normTopkProb: true, routedScalingFactor: 1 + 2 ** -24 + 2 ** -40 },
    },
    {
      name: 'infinite-and-nan-rows,bias,norm',
      draws: (random) => ({
        ffn: () => random.pick([INF, -INF, Number.NaN, 1, 2, 3, 4, 5, 6, 7]),
        bias: () => random.pick([INF, -1, 0.5, 2]),
      }),
      options: NORM,
    },
    {
      name: 'cancellation',
      draws: (random) => ({ scale: () => 1, ffn: (i) => (i % 2 ? -1 : 1) * (1000 + random.uniform()) }),
    },
    // Sums half-way between two numbers of the 16-bit types.
    { name: 'half-way', draws: (random) => ({ scale: () => 1, ffn: () => random.below(512) + 256 }) },
    {
      name: 'small-against-large',
      draws: () => ({ scale: (i) => 4 ** -(i % 3), ffn: (i) => 1 + (i % 7) / 8 }),
    },
  ];
}

function rangeValues(dtype: FloatDType): Values[] {
  return [
    {
      name: 'near-overflow',
      draws: (random) => ({ scale: () => 0.25, ffn: () => LARGEST[dtype] * (0.9 + 0.2 * random.uniform()) }),
      options: { routedScalingFactor: 2 },
    },
    {
      name: 'subnormal-rows,huge-scales',
      draws: (random) => ({
        scale: () => 2 ** 100 * (1 + random.uniform()),
        ffn: () => SMALLEST[dtype] * (random.below(9) - 4),
      }),
      extreme: true,
    },
    { name: 'subnormal-results', draws: (random) => ({ scale: () => TINY[dtype] * random.uniform() }) },
  ];
}

/** Dispatch, then reduce of what it gives, all on the device. */
function roundTripCase(): ConformanceCase {
  const id = 'generated/reduce/round-trip';
  return {
    id,
    run: async (session) => {
      session.requireOperations('moeDispatch', 'moeReduce');
      session.requireSizes({ numExperts: 10, topK: 4, tokens: 40, hidden: 6 });
      const random = new Random(id);
      const x = drawn('float32', [40, 6], () => random.normal());
      const gatingOutput = drawn('float32', [40, 10], () => random.normal());
      const sent = session.keep(moeDispatch(session.upload(x), session.upload(gatingOutput), { moeTopk: 4 }));
      const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = sent;
      const options = { normTopkProb: true };
      const back = session.keep(
        moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, options),
      );
      const whole = session.keep(moeReduce(permuteInput, sent, options));
      await checkDispatch(session, 'moeDispatch', sent, { x, gatingOutput, moeTopk: 4 });
      const input = { ...(await reduceInputOf(sent)), ...options };
      await checkReduce(session, 'moeReduce', back, input);
      await checkReduce(session, 'moeReduce of the whole result', whole, input);
    },
  };
}

function reduceCase(path: string, build: (random: Random) => ReduceInput): ConformanceCase {
  const id = `generated/reduce/${path}`;
  return { id, run: (session) => checkReduceOf(session, 'moeReduce', build(new Random(id))) };
}

/** A reduce over a random routing; scales between 0 and 1 and normal rows unless told otherwise. */
function routed(random: Random, dtype: FloatDType, sizes: Sizes, draws: Draws): ReduceInput {
  const { tokens = 13, hidden = 11, numExperts = 8, topK = 2 } = sizes;
  const topKIndices = hostTensor('int32', [tokens, topK]);
  for (let token = 0; token < tokens; token++) {
    const experts = Int32Array.from({ length: numExperts }, (_, i) => i);
    random.shuffle(experts);
    topKIndices.data.set(experts.subarray(0, topK), token * topK);
  }
  const { scale = () => random.uniform(), ffn = () => random.normal(), bias, bias3d = false } = draws;
  const biasShape = bias3d ? [numExperts, 1, hidden] : [numExperts, hidden];
  return {
    ffnOut: drawn(dtype, [topK * tokens, hidden], ffn),
    expertScalesFloat: drawn('float32', [tokens, topK], scale),
    permuteIndicesPerToken: expectPlan(topKIndices, numExperts).permuteIndicesPerToken,
    topKIndices,
    ...(bias === undefined ? {} : { ffn2Bias: drawn(dtype, biasShape, bias) }),
  };
}
