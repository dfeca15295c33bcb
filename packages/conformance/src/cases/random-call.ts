import type { DType, FloatDType } from '@moe-dispatch/core';
import fc from 'fast-check';
import type { DispatchInput } from '../checks.js';
import { type ExpectedDispatch, expectDispatch } from '../oracle.js';
import type { ReduceInput } from '../oracle-reduce.js';
import { drawn, FLOAT_DTYPES, FLT_MAX, fromBits, MODES, Random, randomRows } from './data.js';

/*
 * Random calls of moeDispatch, each with a moeReduce on its routing: for the random cases and for comparing two
 * backends. Equal seeds give equal calls.
 */

const KINDS = ['normal', 'wide', 'ties', 'special', 'any-bits'] as const;
const SPECIAL = [Number.NaN, Infinity, -Infinity, FLT_MAX, -FLT_MAX, 0, -0, 1, 2 ** -149, -(2 ** -149)];

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
  data: number;
}

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
  data: fc.nat(),
});

/** A failing call, made as small as fast-check can, and what its run threw. */
export interface Counterexample {
  readonly call: RandomCall;
  readonly error: unknown;
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

/** The tensors of a call. */
export interface RandomInputs {
  readonly dispatch: DispatchInput;
  /** [T, K]: max − l of the chosen gating values (ExpectedRouting). */
  readonly gaps: Float64Array;
  readonly reduce: ReduceInput;
}

/** @param dtypes what the backend, or both of two, can move */
export function randomInputs(call: RandomCall, dtypes: readonly DType[]): RandomInputs {
  const random = new Random(call.data);
  const dispatch = dispatchInput(call, dtypes[call.dtype % dtypes.length], random);
  const floats = FLOAT_DTYPES.filter((dtype) => dtypes.includes(dtype));
  // moeReduce takes softmax scales in every mode: those of topk_only_mode have the range of float32.
  const expected = expectDispatch(dispatch, { ...dispatch, topkOnlyMode: false });
  const reduce = reduceInput(call, expected, floats[call.dtype % floats.length], random);
  return { dispatch, gaps: expected.gaps, reduce };
}

function dispatchInput(call: RandomCall, dtype: DType, random: Random): DispatchInput {
  const { mode } = MODES[call.mode];
  const numExperts = call.topK * call.perChoice + (mode.groupMoe === true ? 0 : call.extra);
  const rows = { none: [call.tokens], '[T, 1]': [call.tokens, 1], '[1, T]': [1, call.tokens] }[call.batch];
  const shape = [...rows, numExperts];
  const draws = {
    normal: () => random.normal(),
    wide: () => 40 * random.normal(),
    ties: () => random.below(3),
    special: () => random.pick(SPECIAL),
  };
  return {
    x: randomRows(random, dtype, [...rows, call.hidden]),
    gatingOutput:
      call.kind === 'any-bits'
        ? fromBits(shape, () => random.bits())
        : drawn('float32', shape, draws[call.kind]),
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
