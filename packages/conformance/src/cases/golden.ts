import {
  type DispatchResult,
  type FloatDType,
  moeDispatch,
  moeReduce,
  type Tensor,
} from '@moe-dispatch/core';
import { checkDispatch, checkReduce, optionsOf, requireDispatch, uploadReduceOptions } from '../checks.js';
import { compareExact, compareGoldenReduce, compareGoldenScales, wholeDifference } from '../compare.js';
import type { FixtureSource } from '../fixtures.js';
import { type GoldenFixture, type GoldenReduce, parseGolden } from '../golden-fixture.js';
import { bytesOf } from '../host-tensor.js';
import { expectDispatch, expectReduce } from '../oracle.js';
import type { Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';

/** Each fixture: what the backend gives must agree with the float64 oracle and with Paddle's outputs. */
export function goldenCases(fixtures: FixtureSource): ConformanceCase[] {
  return fixtures.names.map((name) => ({
    id: `golden/${name}`,
    run: async (session) => {
      const fixture = parseGolden(await fixtures.load(name), `${name}.safetensors`);
      await checkGoldenDispatch(session, fixture);
      for (const reduce of fixture.reduces) await checkGoldenReduce(session, reduce);
    },
  }));
}

async function checkGoldenDispatch(session: Session, fixture: GoldenFixture): Promise<void> {
  requireDispatch(session, { ...fixture, ...fixture.mode });
  const x = session.upload(fixture.x);
  const gating = session.upload(fixture.gating);
  const found = session.keep(moeDispatch(x, gating, optionsOf(fixture.mode)));
  const expected = expectDispatch(fixture.x, fixture.gating, fixture.mode);
  await checkDispatch(session, 'against the oracle', found, expected);
  await comparePaddle(session, fixture, found, expected.scales.gaps);
}

async function comparePaddle(
  session: Session,
  fixture: GoldenFixture,
  found: DispatchResult<Tensor>,
  gaps: Float64Array,
): Promise<void> {
  const place = (tensor: string) => ({ case: "against Paddle's output", tensor });
  for (const tensor of ['topKIndices', 'permuteIndicesPerToken'] as const) {
    session.report(compareExact(place(tensor), await found[tensor].read(), fixture[tensor]));
  }
  const prefixSum = BigInt64Array.from((await found.expertOffsets.read()).slice(1), BigInt);
  session.report(compareExact(place('expertOffsets[1:]'), prefixSum, fixture.prefixSum));

  const scales = await found.expertScalesFloat.read();
  const scalesPlace = place('expertScalesFloat');
  session.report(
    fixture.mode.topkOnlyMode
      ? compareExact(scalesPlace, scales, fixture.expertScalesFloat)
      : compareGoldenScales(scalesPlace, scales, fixture.expertScalesFloat, gaps),
  );

  const rows = await found.permuteInput.read();
  if (fixture.permuteInput) session.report(compareExact(place('permuteInput'), rows, fixture.permuteInput));
  if (fixture.permuteInputSha256 === undefined) return;
  const hash = await sha256(bytesOf(rows));
  if (hash === fixture.permuteInputSha256) return;
  session.report([wholeDifference(place('SHA-256 of permuteInput'), fixture.permuteInputSha256, hash)]);
}

async function checkGoldenReduce(session: Session, { name, input, output }: GoldenReduce): Promise<void> {
  const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices } = input;
  const inputs = [ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices];
  const [ffn, scales, rows, experts] = inputs.map((host) => session.upload(host));
  const found = session.keep(moeReduce(ffn, scales, rows, experts, uploadReduceOptions(session, input)));
  await checkReduce(session, `${name} against the oracle`, found, input);
  const place = { case: `${name} against Paddle's output`, tensor: 'output' };
  const data = await (found as Tensor & { dtype: FloatDType }).read();
  session.report(compareGoldenReduce(place, data, output, expectReduce(input)));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
