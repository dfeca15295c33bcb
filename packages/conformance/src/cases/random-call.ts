import type { BackendInfo, DType, FloatDType } from '@moe-dispatch/core';
import fc from 'fast-check';
import { type DispatchInput, dispatchCall, reduceCall } from '../checks.js';
import type { HostCall } from '../operations/host-call.js';
import { type ExpectedDispatch, expectDispatch } from '../oracle.js';
import type { ReduceInput } from '../oracle-reduce.js';
import { drawn, FLOAT_DTYPES, FLT_MAX, fromBits, MODES, Random, randomRows } from './data.js';
import { type ExampleSpec, exampleCall } from './example-call.js';
import { PLAIN, type RouterFields, routerSpec, useful } from './routers.js';

/*
 * Random calls of moeDispatch, each with a moeReduce on its routing: for the random cases and for comparing two
 * backends. Equal seeds give equal calls.
 */

const KINDS = ['normal', 'wide', 'ties', 'special', 'any-bits'] as const;
const SPECIAL = [Number.NaN, Infinity, -Infinity, FLT_MAX, -FLT_MAX, 0, -0, 1, 2 ** -149, -(2 ** -149)];

type Kind = (typeof KINDS)[number];

const anyFloat = (random: Random) => new Float32Array(Uint32Array.of(random.bits()).buffer)[0];

const LOGIT_DRAWS: { readonly [K in Kind]: (random: Random) => number } = {
  normal: (random) => random.normal(),
  wide: (random) => 40 * random.normal(),
  ties: (random) => random.below(3),
  special: (random) => random.pick(SPECIAL),
  'any-bits': anyFloat,
};

/** Near 34.5, sums with scores are often equal. */
const BIAS_DRAWS: { readonly [K in Kind]: (random: Random) => number } = {
  normal: (random) => random.normal() / 8,
  wide: (random) => 34.5 + random.pick([-0.14, 0, 0.14]),
  ties: (random) => random.below(3) / 4,
  special: (random) => random.pick([...SPECIAL, 1e30, 0.5, -0.5]),
  'any-bits': anyFloat,
};

/** What fast-check draws and makes smaller. The tensors' content follows from `data`. */
export interface RandomCall {
  tokens: number;
  hidden: number;
  topK: number;
  /** E = topK · perChoice + extra; group mode leaves `extra` out. */
  perChoice: number;
  extra: number;
  mode: number;
  kind: (typeof KINDS)[number];
  dtype: number;
  batch: 'none' | '[T, 1]' | '[1, T]';
  bias: 'none' | '[E, D]' | '[E, 1, D]';
  normTopkProb: boolean;
  routedScalingFactor: number;
  /** In place of `mode`. */
  router: RouterFields | null;
  data: number;
}

const routerFields = fc.record<RouterFields>({
  selection: fc.constantFrom('topk', 'topk', 'topk', 'topk', 'given', 'sparsemixer'),
  scoringFunc: fc.constantFrom('softmax', 'sigmoid', 'sqrtsoftplus', 'none'),
  bias: fc.boolean(),
  nGroup: fc.constantFrom(1, 2, 3, 4, 8),
  topkGroup: fc.constantFrom(1, 2, 3, 5),
  groupScoreFunc: fc.constantFrom('max', 'top2_sum'),
  normTopkProb: fc.boolean(),
  normEps: fc.constantFrom(0, 1e-20, 1e-6, 0.3),
  routedScalingFactor: fc.constantFrom(1, 2.5, 0.1, -0.5, 0, 3e38),
  zeroExperts: fc.constantFrom(0, 0, 0, 1, 2, 5),
  zeroExpertKind: fc.constantFrom('identity', 'skip'),
  applyRouterWeightOnInput: fc.boolean(),
  jitterEps: fc.constantFrom(0, 0.01, 0.5),
  expertCapacity: fc.constantFrom(0, 0, 0, 1, 2, 5, 12),
  dropPolicy: fc.constantFrom('position', 'probs'),
  normBeforeDrop: fc.boolean(),
  perExpertScale: fc.boolean(),
  globalScale: fc.boolean(),
  sharedExperts: fc.constantFrom(0, 1, 3),
  tokenMask: fc.boolean(),
  gatingDtype: fc.constantFrom('float32', 'float16', 'bfloat16'),
});

export const randomCalls = fc.record<RandomCall>({
  tokens: fc.nat(70),
  // A few rows that are longer than what kernels copy word by word.
  hidden: fc.oneof({ arbitrary: fc.nat(40), weight: 9 }, { arbitrary: fc.nat(600), weight: 1 }),
  topK: fc.integer({ min: 1, max: 12 }),
  perChoice: fc.integer({ min: 1, max: 24 }),
  extra: fc.nat(9),
  mode: fc.nat(MODES.length - 1),
  kind: fc.constantFrom(...KINDS),
  dtype: fc.nat(8),
  batch: fc.constantFrom('none', '[T, 1]', '[1, T]'),
  bias: fc.constantFrom('none', '[E, D]', '[E, 1, D]'),
  normTopkProb: fc.boolean(),
  routedScalingFactor: fc.constantFrom(1, 2.5, -0.5, 0, 16),
  // Not fc.option, of which the first draw of a seed is always nil.
  router: fc.tuple(fc.boolean(), routerFields).map(([drawn, fields]) => (drawn ? fields : null)),
  data: fc.nat(),
});

/** A failing call, made as small as fast-check can, and what its run threw. */
export interface Counterexample {
  readonly call: RandomCall;
  readonly error: unknown;
}

/** The call of a seed. */
export function callOfSeed(seed: number): RandomCall {
  return fc.sample(randomCalls, { seed, numRuns: 1 })[0];
}

/** Runs the call of a seed; if `run` throws, looks for the smallest call that makes it throw. */
export async function checkSeed(
  seed: number,
  run: (call: RandomCall) => Promise<void>,
): Promise<Counterexample | undefined> {
  const property = fc.asyncProperty(randomCalls, run);
  const { counterexample, errorInstance } = await fc.check(property, { seed, numRuns: 1 });
  return counterexample === null ? undefined : { call: counterexample[0], error: errorInstance };
}

/** A random call as calls of two operations. */
export interface RandomInputs {
  readonly dispatch: HostCall;
  /** [T, K]: max − l of the chosen gating values (ExpectedRouting). */
  readonly gaps: Float64Array;
  /** On that routing. */
  readonly reduce: HostCall;
}

/** What a backend, or both of two, can do. */
export type Abilities = Pick<BackendInfo, 'dtypes' | 'exact'>;

/** Where a choice depends on the last bit of a score, only exact backends agree: others are given Paddle's modes. */
export function randomInputs(call: RandomCall, abilities: Abilities): RandomInputs {
  return call.router !== null && abilities.exact
    ? routerInputs(call, abilities)
    : paddleInputs(call, abilities);
}

function paddleInputs(call: RandomCall, { dtypes }: Abilities): RandomInputs {
  const random = new Random(call.data);
  const dispatch = dispatchInput(call, dtypes[call.dtype % dtypes.length], random);
  // moeReduce takes softmax scales in every mode: those of topk_only_mode have the range of float32.
  const expected = expectDispatch(dispatch, { ...dispatch, topkOnlyMode: false });
  const reduce = reduceInput(call, expected, floatOf(call, dtypes), random);
  return { dispatch: dispatchCall(dispatch), gaps: expected.gaps, reduce: reduceCall(reduce) };
}

function routerInputs(call: RandomCall, { dtypes }: Abilities): RandomInputs {
  const random = new Random(call.data);
  const spec = randomSpec(call, dtypes);
  const dispatch = exampleCall('moeDispatch', spec, random);
  const reduce = exampleCall('moeReduce', { ...spec, dtype: floatOf(call, dtypes) }, random);
  return { dispatch, gaps: new Float64Array(call.tokens * spec.topK), reduce };
}

/** The spec of a call with a router, softmax over all experts if it has none. */
export function randomSpec(call: RandomCall, dtypes: readonly DType[]): ExampleSpec {
  const { tokens, hidden, topK, bias, normTopkProb, routedScalingFactor } = call;
  const fields = useful(call.router ?? PLAIN);
  return routerSpec(fields, {
    tokens,
    hidden,
    topK,
    numExperts: topK * call.perChoice + call.extra,
    dtype: fields.applyRouterWeightOnInput ? floatOf(call, dtypes) : dtypes[call.dtype % dtypes.length],
    bias: bias !== 'none',
    options: { normTopkProb, routedScalingFactor },
    draws: { gatingOutput: LOGIT_DRAWS[call.kind], eScoreCorrectionBias: BIAS_DRAWS[call.kind] },
  });
}

export function floatOf(call: RandomCall, dtypes: readonly DType[]): FloatDType {
  const floats = FLOAT_DTYPES.filter((dtype) => dtypes.includes(dtype));
  return floats[call.dtype % floats.length];
}

function dispatchInput(call: RandomCall, dtype: DType, random: Random): DispatchInput {
  const { mode } = MODES[call.mode];
  const numExperts = call.topK * call.perChoice + (mode.groupMoe === true ? 0 : call.extra);
  const rows = { none: [call.tokens], '[T, 1]': [call.tokens, 1], '[1, T]': [1, call.tokens] }[call.batch];
  const shape = [...rows, numExperts];
  return {
    x: randomRows(random, dtype, [...rows, call.hidden]),
    gatingOutput:
      call.kind === 'any-bits'
        ? fromBits(shape, () => random.bits())
        : drawn('float32', shape, () => LOGIT_DRAWS[call.kind](random)),
    moeTopk: call.topK,
    ...mode,
  };
}

function reduceInput(
  call: RandomCall,
  expected: ExpectedDispatch,
  dtype: FloatDType,
  random: Random,
): ReduceInput {
  const { numExperts, topKIndices, permuteIndicesPerToken, permuteInput } = expected;
  const biasShape = call.bias === '[E, D]' ? [numExperts, call.hidden] : [numExperts, 1, call.hidden];
  return {
    ffnOut: drawn(dtype, [permuteInput.shape[0], call.hidden], () => random.normal()),
    expertScalesFloat: expected.expertScalesFloat,
    permuteIndicesPerToken,
    topKIndices,
    normTopkProb: call.normTopkProb,
    routedScalingFactor: call.routedScalingFactor,
    ...(call.bias === 'none' ? {} : { ffn2Bias: drawn(dtype, biasShape, () => random.normal()) }),
  };
}
