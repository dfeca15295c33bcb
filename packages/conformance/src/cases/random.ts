import type { FloatDType } from '@moe-dispatch/core';
import fc from 'fast-check';
import { checkDispatchOf, checkReduceOf, type DispatchInput } from '../checks.js';
import { expectDispatch, type ReduceInput, scalesAsInput } from '../oracle.js';
import { NotClaimed, type Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';
import { drawn, FLOAT_DTYPES, fromBits, MODES, Random, randomRows } from './data.js';

/** One random call each, by seed. A failing one is made as small as fast-check can before it is reported. */
export function randomCases(seed: number, count: number): ConformanceCase[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `random/seed=${seed + i}`,
    run: (session) => runSeed(session, seed + i),
  }));
}

const KINDS = ['normal', 'wide', 'ties', 'any-bits'] as const;

interface Call {
  tokens: number;
  hidden: number;
  topK: number;
  /** E = topK · perChoice + extra; group mode leaves `extra` out. */
  perChoice: number;
  extra: number;
  mode: number;
  kind: (typeof KINDS)[number];
  dtype: number;
  bias: 'none' | '[E, D]' | '[E, 1, D]';
  normTopkProb: boolean;
  routedScalingFactor: number;
  data: number;
}

const calls = fc.record<Call>({
  tokens: fc.nat(70),
  hidden: fc.nat(40),
  topK: fc.integer({ min: 1, max: 12 }),
  perChoice: fc.integer({ min: 1, max: 24 }),
  extra: fc.nat(9),
  mode: fc.nat(MODES.length - 1),
  kind: fc.constantFrom(...KINDS),
  dtype: fc.nat(8),
  bias: fc.constantFrom('none', '[E, D]', '[E, 1, D]'),
  normTopkProb: fc.boolean(),
  routedScalingFactor: fc.constantFrom(1, 2.5, -0.5, 0, 16),
  data: fc.nat(),
});

async function runSeed(session: Session, seed: number): Promise<void> {
  const property = fc.asyncProperty(calls, async (call) => {
    const attempt = session.fork();
    try {
      await runCall(attempt, call);
    } finally {
      attempt.dispose();
    }
    if (attempt.differences.length > 0) throw new Different(attempt.differences);
  });
  const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns: 1 });
  if (!failed) return;
  if (errorInstance instanceof NotClaimed) throw errorInstance;
  const call = JSON.stringify(counterexample?.[0]);
  if (errorInstance instanceof Different) {
    session.report(errorInstance.differences.map((d) => ({ ...d, case: `${d.case} of ${call}` })));
  } else {
    throw new Error(`${errorInstance} in ${call}`, { cause: errorInstance });
  }
}

class Different extends Error {
  readonly differences: Session['differences'];

  constructor(differences: Session['differences']) {
    super('the results differ');
    this.differences = differences;
  }
}

async function runCall(session: Session, call: Call): Promise<void> {
  const random = new Random(call.data);
  const dispatch = dispatchInput(session, call, random);
  await checkDispatchOf(session, 'moeDispatch', dispatch);
  const supported = FLOAT_DTYPES.filter((dtype) => session.claims.dtypes.includes(dtype));
  const dtype = supported[call.dtype % supported.length];
  await checkReduceOf(session, 'moeReduce', reduceInput(call, dispatch, dtype, random));
}

function dispatchInput(session: Session, call: Call, random: Random): DispatchInput {
  const { mode } = MODES[call.mode];
  const { dtypes } = session.claims;
  const numExperts = call.topK * call.perChoice + (mode.groupMoe === true ? 0 : call.extra);
  const shape = [call.tokens, numExperts];
  const draws = {
    normal: () => random.normal(),
    wide: () => 40 * random.normal(),
    ties: () => random.below(3),
  };
  return {
    x: randomRows(random, dtypes[call.dtype % dtypes.length], [call.tokens, call.hidden]),
    gating:
      call.kind === 'any-bits'
        ? fromBits(shape, () => random.bits())
        : drawn('float32', shape, draws[call.kind]),
    moeTopk: call.topK,
    ...mode,
  };
}

/** moeReduce on the routing of `dispatch`, but for scales of topk_only_mode, whose range is that of float32. */
function reduceInput(call: Call, dispatch: DispatchInput, dtype: FloatDType, random: Random): ReduceInput {
  const expected = expectDispatch(dispatch.x, dispatch.gating, { ...dispatch, topkOnlyMode: false });
  const numExperts = dispatch.gating.shape[1];
  const biasShape = call.bias === '[E, D]' ? [numExperts, call.hidden] : [numExperts, 1, call.hidden];
  const { topKIndices, permuteIndicesPerToken, permuteInput } = expected;
  return {
    ffnOut: drawn(dtype, [permuteInput.shape[0], call.hidden], () => random.normal()),
    expertScalesFloat: scalesAsInput(expected),
    permuteIndicesPerToken,
    topKIndices,
    normTopkProb: call.normTopkProb,
    routedScalingFactor: call.routedScalingFactor,
    ...(call.bias === 'none' ? {} : { ffn2Bias: drawn(dtype, biasShape, () => random.normal()) }),
  };
}
