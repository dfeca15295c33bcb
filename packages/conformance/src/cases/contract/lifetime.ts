import {
  moeDispatch,
  moeReduce,
  type OperationName,
  permuteRows,
  planDispatch,
  routeTokens,
} from '@moe-dispatch/core';
import {
  checkDispatch,
  checkExact,
  checkReduce,
  type DispatchInput,
  dispatchCall,
  reduceInputOf,
} from '../../checks.js';
import { judge } from '../../operations/judge.js';
import { readOutputs } from '../../operations/read.js';
import type { Session } from '../../session.js';
import { type ConformanceCase, needing } from '../conformance-case.js';
import { drawn, Random, randomRows } from '../data.js';
import { dispatchOut } from '../outputs.js';

const SIZES = { tokens: 33, hidden: 6, numExperts: 9, topK: 3, dtype: 'float32' } as const;
const MODE = { moeTopk: 3 };

/** When memory is read, written again, recycled and counted. */
export function lifetimeCases(): ConformanceCase[] {
  return [
    lifetimeCase('tensor-copies', tensorCopies),
    lifetimeCase('read-outlives-dispose', readOutlivesDispose, 'moeDispatch'),
    lifetimeCase('read-before-overwrite', readBeforeOverwrite, 'moeDispatch'),
    lifetimeCase('chain-without-awaiting', chainWithoutAwaiting, 'moeDispatch', 'permuteRows', 'moeReduce'),
    lifetimeCase('results-at-the-same-time', resultsAtTheSameTime, 'moeDispatch'),
    lifetimeCase('results-of-stages', resultsOfStages, 'routeTokens', 'planDispatch'),
    lifetimeCase('memory-counts', memoryCounts),
    lifetimeCase('memory-of-a-loop', memoryOfALoop, 'moeDispatch', 'moeReduce'),
  ];
}

function lifetimeCase(
  name: string,
  check: (session: Session, random: Random) => Promise<void>,
  ...operations: readonly OperationName[]
): ConformanceCase {
  const id = `generated/lifetime/${name}`;
  const run = (session: Session) => check(session, new Random(id));
  return needing({ ...SIZES, operations }, [{ id, run }])[0];
}

/** tensor() and read() copy: neither side sees what is done to the other's array. */
async function tensorCopies(session: Session, random: Random): Promise<void> {
  const host = randomRows(random, 'float32', [7, 5]);
  const source = { ...host, data: host.data.slice() };
  const tensor = session.upload(source);
  source.data.fill(1);
  await checkExact(session, { case: 'the source was overwritten', tensor: 'read()' }, tensor, host);
  ((await tensor.read()) as Float32Array).fill(2);
  await checkExact(session, { case: 'what was read was overwritten', tensor: 'read()' }, tensor, host);
}

/** A read that was begun gives its data, whatever is disposed afterwards. */
async function readOutlivesDispose(session: Session, random: Random): Promise<void> {
  const input = randomInput(random);
  const tensors = [session.upload(input.x), session.upload(input.gatingOutput)];
  const found = session.keep(moeDispatch(tensors[0], tensors[1], MODE));
  const label = 'disposed while being read';
  const reading = readOutputs(session, label, dispatchCall(input), found);
  for (const tensor of tensors) tensor.dispose();
  found.dispose();
  const other = randomRows(random, 'float32', [SIZES.topK * SIZES.tokens, SIZES.hidden]);
  for (let i = 0; i < 4; i++) session.upload(other);
  judge(session, label, dispatchCall(input), await reading);
}

/** A read gives the values from before whatever was issued after it. */
async function readBeforeOverwrite(session: Session, random: Random): Promise<void> {
  const out = dispatchOut(session, SIZES);
  const inputs = [randomInput(random), randomInput(random), randomInput(random)];
  const readings = inputs.map((input, run) => {
    moeDispatch(session.upload(input.x), session.upload(input.gatingOutput), { ...MODE, out });
    const label = `run ${run}, overwritten by the later ones`;
    return {
      label,
      call: dispatchCall(input),
      reading: readOutputs(session, label, dispatchCall(input), out),
    };
  });
  for (const { label, call, reading } of readings) judge(session, label, call, await reading);
}

/** Dispatch, permute and reduce issued in one go, with everything but the result disposed before the read. */
async function chainWithoutAwaiting(session: Session, random: Random): Promise<void> {
  const hostX = drawn('float32', [SIZES.tokens, SIZES.hidden], () => random.normal());
  const input = { ...randomInput(random), x: hostX, topkOnlyMode: true };
  const options = { ...MODE, topkOnlyMode: true };
  const x = session.upload(hostX);
  const sent = session.keep(moeDispatch(x, session.upload(input.gatingOutput), options));
  const rows = session.keep(permuteRows(x, sent));
  const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = sent;
  const found = session.keep(moeReduce(rows, expertScalesFloat, permuteIndicesPerToken, topKIndices));
  x.dispose();
  sent.dispose();
  rows.dispose();
  session.upload(randomRows(random, 'float32', hostX.shape));
  // The same again gives the same bytes, so that the sum can be judged on what it was given.
  const again = session.keep(moeDispatch(session.upload(hostX), session.upload(input.gatingOutput), options));
  await checkDispatch(session, 'moeDispatch', again, input);
  await checkReduce(session, 'dispatch, permute, reduce', found, await reduceInputOf(again));
}

/** Results that live together do not share memory, whatever the backend recycles. */
async function resultsAtTheSameTime(session: Session, random: Random): Promise<void> {
  const inputs = Array.from({ length: 6 }, () => randomInput(random));
  const results = inputs.map(({ x, gatingOutput }, i) => {
    const tensors = [session.upload(x), session.upload(gatingOutput)];
    const result = session.keep(moeDispatch(tensors[0], tensors[1], MODE));
    // Gives the pool something to hand out again.
    for (const tensor of tensors) tensor.dispose();
    if (i % 2 === 0)
      session.keep(moeDispatch(session.upload(x), session.upload(gatingOutput), MODE)).dispose();
    return result;
  });
  for (const [i, input] of inputs.entries()) {
    await checkDispatch(session, `result ${i}`, results[i], input);
  }
}

/** What a stage gives is disposed as a whole. */
async function resultsOfStages(session: Session, random: Random): Promise<void> {
  const gatingOutput = session.upload(randomInput(random).gatingOutput);
  const before = session.backend.memory().liveTensors;
  const routing = session.keep(routeTokens(gatingOutput, MODE));
  const plan = session.keep(planDispatch(routing.topKIndices, SIZES.numExperts));
  for (const [label, result, left] of [
    ['planDispatch', plan, 2],
    ['routeTokens', routing, 0],
  ] as const) {
    result.dispose();
    result.dispose();
    const place = { case: `the result of ${label} was disposed`, tensor: 'memory().liveTensors' };
    session.expectValue(place, session.backend.memory().liveTensors, before + left);
  }
}

/** memory() counts tensors and their bytes, each once. */
async function memoryCounts(session: Session): Promise<void> {
  const { backend } = session;
  const before = backend.memory();
  const expectMore = (label: string, tensors: number, bytes: number) => {
    const { liveTensors, liveBytes, pooledBytes } = backend.memory();
    session.expectValue(
      { case: label, tensor: 'memory().liveTensors' },
      liveTensors - before.liveTensors,
      tensors,
    );
    session.expectValue({ case: label, tensor: 'memory().liveBytes' }, liveBytes - before.liveBytes, bytes);
    const counted = Number.isSafeInteger(pooledBytes) && pooledBytes >= 0;
    session.expectValue({ case: label, tensor: 'memory().pooledBytes is a number of bytes' }, counted, true);
  };
  const tensor = session.keep(backend.empty([3, 5], 'float32'));
  expectMore('one float32 [3, 5]', 1, 60);
  const other = session.keep(backend.empty([0], 'int64'));
  expectMore('and an empty one', 2, 60);
  tensor.dispose();
  tensor.dispose();
  expectMore('the first disposed twice', 1, 0);
  session.expectValue({ case: 'disposed twice', tensor: 'disposed' }, tensor.disposed, true);
  other.dispose();
  expectMore('both disposed', 0, 0);
}

/** A loop that disposes its results reaches a steady state. */
async function memoryOfALoop(session: Session, random: Random): Promise<void> {
  const host = randomInput(random);
  const x = session.upload(host.x);
  const gatingOutput = session.upload(host.gatingOutput);
  const usage = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 8; i++) {
      const result = session.keep(moeDispatch(x, gatingOutput, MODE));
      const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = result;
      const args = [permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices] as const;
      const reduced = session.keep(moeReduce(...args));
      await reduced.read();
      reduced.dispose();
      result.dispose();
    }
    usage.push(session.backend.memory());
  }
  for (const count of ['liveTensors', 'liveBytes', 'pooledBytes'] as const) {
    const place = { case: 'after 24 dispatches and reduces against after 16', tensor: `memory().${count}` };
    session.expectValue(place, usage[2][count], usage[1][count]);
  }
}

function randomInput(random: Random): DispatchInput {
  return {
    ...MODE,
    x: randomRows(random, SIZES.dtype, [SIZES.tokens, SIZES.hidden]),
    gatingOutput: drawn('float32', [SIZES.tokens, SIZES.numExperts], () => random.normal()),
  };
}
