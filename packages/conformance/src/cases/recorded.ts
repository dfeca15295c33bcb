import type { FloatDType } from '@moe-dispatch/core';
import { recordedSumBound, recordedWeightBound } from '../bounds.js';
import { type Difference, type Place, wholeDifference } from '../compare.js';
import type { FixtureSource } from '../fixtures.js';
import { decode } from '../float-formats.js';
import { type HostTensor, hostTensor } from '../host-tensor.js';
import { type HostCall, type HostTensors, issue } from '../operations/host-call.js';
import { judge } from '../operations/judge.js';
import { readOutputs } from '../operations/read.js';
import { parseRecorded, type RecordedRouter } from '../recorded-router.js';
import type { Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';

/** Each model's router: the same experts and weights as its own module, and the same sum of the experts' results. */
export function recordedCases(fixtures: FixtureSource): ConformanceCase[] {
  return fixtures.names.map((name) => ({
    id: `golden/router-${name.replaceAll('.', '-')}`,
    run: async (session) => {
      session.requireExact();
      session.requireOperations('moeDispatch', 'moeReduce');
      await checkRecorded(session, parseRecorded(await fixtures.load(name), `${name}.safetensors`));
    },
  }));
}

async function checkRecorded(session: Session, recorded: RecordedRouter): Promise<void> {
  const { router, inputs, x } = recorded;
  const dispatch: HostCall = { operation: 'moeDispatch', inputs: { x, ...inputs }, options: { router } };
  const sent = await judged(session, dispatch);
  if (session.differences.length > 0) return;
  session.report(compareChoices(recorded, sent));
  if (recorded.routedOutput === undefined) return;
  const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = sent as Required<HostTensors>;
  const { output } = await judged(session, {
    operation: 'moeReduce',
    inputs: {
      ffnOut: runExperts(recorded, sent),
      expertScalesFloat,
      permuteIndicesPerToken,
      topKIndices,
      ...(router.zeroExperts?.kind === 'identity' ? { x } : {}),
    },
    options: {
      routedScalingFactor: recorded.outputScalingFactor,
      applyRouterWeightOnInput: router.applyRouterWeightOnInput === true,
    },
  });
  if (output !== undefined) session.report(compareOutput(recorded, output as HostTensor<FloatDType>));
}

async function judged(session: Session, call: HostCall): Promise<HostTensors> {
  const found = await readOutputs(session, call.operation, call, issue(session, call));
  judge(session, call.operation, call, found);
  return found;
}

/** Each token's experts with their weights, whatever their order; those that weigh nothing say nothing. */
function compareChoices(recorded: RecordedRouter, found: HostTensors): Difference[] {
  const { topKIndices, topKWeights } = recorded;
  const [tokens, topK] = topKIndices.shape;
  const expected = weightsByExpert(topKIndices.data, topKWeights.data, topK);
  const weights = weightsByExpert(
    found.topKIndices!.data as Int32Array,
    found.expertScalesFloat!.data as Float32Array,
    topK,
  );
  const place: Place = { case: "against the model's module", tensor: 'experts and their weights' };
  const differs = (t: number) => {
    const [a, b] = [expected[t], weights[t]];
    const near = (weight: number, expert: number) =>
      Math.abs((b.get(expert) ?? Number.NaN) - weight) <= recordedWeightBound(weight);
    return a.size !== b.size || ![...a].every(([expert, weight]) => near(weight, expert));
  };
  const wrong = Array.from({ length: tokens }, (_, t) => t).filter(differs);
  return wrong.slice(0, 4).map((t) => ({
    ...wholeDifference(place, formatWeights(expected[t]), formatWeights(weights[t])),
    index: [t],
    count: wrong.length,
  }));
}

function weightsByExpert(experts: Int32Array, weights: Float32Array, topK: number): Map<number, number>[] {
  return Array.from({ length: experts.length / topK }, (_, t) => {
    const choices = Array.from({ length: topK }, (_, k): [number, number] => [
      experts[t * topK + k],
      weights[t * topK + k],
    ]);
    return new Map(choices.filter(([, weight]) => weight !== 0));
  });
}

function formatWeights(weights: Map<number, number>): string {
  return [...weights].map(([expert, weight]) => `${expert}: ${weight}`).join(', ');
}

/** What each expert makes of its rows, rounded to float32. */
function runExperts({ expert }: RecordedRouter, sent: HostTensors): HostTensor<'float32'> {
  const { permuteInput, expertOffsets } = sent as Required<HostTensors>;
  const rows = decode('float32', permuteInput.data as Float32Array<ArrayBuffer>);
  const [count, hidden] = permuteInput.shape;
  const ffnOut = hostTensor('float32', [count, hidden]);
  const offsets = expertOffsets.data as Int32Array;
  for (let e = 0; e + 1 < offsets.length; e++) {
    for (let row = offsets[e]; row < offsets[e + 1]; row++) {
      ffnOut.data.set(expert(e, rows.subarray(row * hidden, (row + 1) * hidden)), row * hidden);
    }
  }
  return ffnOut;
}

/** Errors are relative to the largest value of a token. */
function compareOutput(recorded: RecordedRouter, output: HostTensor<FloatDType>): Difference[] {
  const { outputBias, outputScalingFactor } = recorded;
  const expected = recorded.routedOutput as Float64Array;
  const [, hidden] = output.shape;
  const found = decode(output.dtype, output.data).map(
    (value, i) => value + (outputBias?.[i % hidden] ?? 0) * outputScalingFactor,
  );
  const place: Place = { case: "against the model's module", tensor: 'the sum of the experts' };
  const largest = (t: number) =>
    expected
      .subarray(t * hidden, (t + 1) * hidden)
      .reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const wrong = Array.from(expected.keys()).filter(
    (i) => !(Math.abs(found[i] - expected[i]) <= recordedSumBound(largest(Math.floor(i / hidden)))),
  );
  return wrong.slice(0, 4).map((i) => ({
    ...wholeDifference(
      place,
      `${expected[i]} ± ${recordedSumBound(largest(Math.floor(i / hidden))).toExponential(2)}`,
      String(found[i]),
    ),
    index: [Math.floor(i / hidden), i % hidden],
    count: wrong.length,
  }));
}
