import {
  type DispatchTensors,
  type DType,
  moeDispatch,
  type PreparedDispatch,
  type Tensor,
} from '@moe-dispatch/core';
import { checkDispatch } from '../../checks.js';
import { routingOptions } from '../../operations/host-call.js';
import type { RoutingMode } from '../../oracle.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, MODES, Random, randomRows } from '../data.js';
import { dispatchOut } from '../outputs.js';
import { prepare } from '../prepare.js';

interface Spec {
  readonly tokens: number;
  readonly hidden: number;
  readonly numExperts: number;
  readonly dtype: DType;
  readonly mode: RoutingMode;
}

const BASE: Spec = { tokens: 29, hidden: 7, numExperts: 12, dtype: 'float32', mode: { moeTopk: 3 } };

/** prepareDispatch: many runs of one object, several objects, failing runs, no allocation. */
export function preparedCases(): ConformanceCase[] {
  const specs: { name: string; spec: Spec }[] = [
    ...MODES.map(({ name, mode }) => ({ name, spec: { ...BASE, mode: { ...mode, moeTopk: 3 } } })),
    ...(['float16', 'bfloat16', 'int8', 'int64'] as const).map((dtype) => ({
      name: `dtype=${dtype}`,
      spec: { ...BASE, dtype },
    })),
    { name: 't=0', spec: { ...BASE, tokens: 0 } },
    { name: 'd=0', spec: { ...BASE, hidden: 0 } },
    { name: 't=1', spec: { ...BASE, tokens: 1 } },
    { name: 'e=1', spec: { ...BASE, numExperts: 1, mode: { moeTopk: 1 } } },
    { name: 'e=8192', spec: { ...BASE, tokens: 3, numExperts: 8192, mode: { moeTopk: 8 } } },
    { name: 't=66000', spec: { ...BASE, tokens: 66_000, hidden: 2, numExperts: 4, mode: { moeTopk: 2 } } },
    { name: 't=2050', spec: { ...BASE, tokens: 2050, numExperts: 64, mode: { moeTopk: 6 } } },
  ];
  return [
    ...specs.map(({ name, spec }) => repeatedRuns(name, spec)),
    interleaved(),
    afterFailingRun(),
    threeDimensions(),
    withoutAllocation(),
  ];
}

/** Different data in each run, into the same tensors. */
function repeatedRuns(name: string, spec: Spec): ConformanceCase {
  const id = `generated/prepared/${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const runner = makeRunner(session, spec);
      for (let run = 0; run < 3; run++) await runner.runAndCheck(`run ${run}`, random);
    },
  };
}

function interleaved(): ConformanceCase {
  const id = 'generated/prepared/interleaved';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const first = makeRunner(session, BASE);
      const second = makeRunner(session, { ...BASE, tokens: 64, numExperts: 30, mode: { moeTopk: 5 } });
      for (let run = 0; run < 3; run++) {
        const { x, gatingOutput } = randomInput(random, BASE);
        first.prepared.run(session.upload(x), session.upload(gatingOutput), first.out);
        await second.runAndCheck(`run ${run} of the second`, random);
        const input = { x, gatingOutput, ...BASE.mode };
        await checkDispatch(session, `run ${run} of the first`, first.out, input);
      }
      second.prepared.dispose();
      await first.runAndCheck('after the second was disposed', random);
    },
  };
}

function afterFailingRun(): ConformanceCase {
  const id = 'generated/prepared/after-a-failing-run';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const { prepared, out, runAndCheck } = makeRunner(session, BASE);
      await runAndCheck('before', random);
      const x = session.upload(randomInput(random, BASE).x);
      let thrown: unknown;
      try {
        prepared.run(x, x, out);
      } catch (error) {
        thrown = error;
      }
      session.expectValue(
        { case: 'x as gating', tensor: 'an error is thrown' },
        thrown instanceof Error,
        true,
      );
      await runAndCheck('after', random);
    },
  };
}

function threeDimensions(): ConformanceCase {
  const id = 'generated/prepared/three-dimensions';
  return {
    id,
    run: async (session) => {
      const { prepared, out } = makeRunner(session, { ...BASE, tokens: 6 });
      const random = new Random(id);
      const x = randomRows(random, 'float32', [2, 3, BASE.hidden]);
      const gatingOutput = drawn('float32', [3, 2, BASE.numExperts], () => random.normal());
      prepared.run(session.upload(x), session.upload(gatingOutput), out);
      await checkDispatch(session, 'x [2, 3, D]', out, { x, gatingOutput, ...BASE.mode });
    },
  };
}

/** Runs change nothing in memory(), and prepared runs agree with moeDispatch to the last bit of the scales. */
function withoutAllocation(): ConformanceCase {
  const id = 'generated/prepared/no-allocation';
  return {
    id,
    run: async (session) => {
      const { prepared, out } = makeRunner(session, BASE);
      await prepared.ready;
      const host = randomInput(new Random(id), BASE);
      const x = session.upload(host.x);
      const gatingOutput = session.upload(host.gatingOutput);
      prepared.run(x, gatingOutput, out);
      const before = session.backend.memory();
      for (let run = 0; run < 5; run++) prepared.run(x, gatingOutput, out);
      const after = session.backend.memory();
      for (const count of ['liveTensors', 'liveBytes', 'pooledBytes'] as const) {
        session.expectValue(
          { case: 'after 5 runs', tensor: `memory().${count}` },
          after[count],
          before[count],
        );
      }
      const { workspaceBytes } = prepared;
      const place = { case: 'prepareDispatch', tensor: 'workspaceBytes is a number of bytes' };
      session.expectValue(place, Number.isSafeInteger(workspaceBytes) && workspaceBytes >= 0, true);
      const whole = session.keep(moeDispatch(x, gatingOutput, routingOptions(BASE.mode)));
      const scales = Array.from(await out.expertScalesFloat.read(), Number).join();
      const expected = Array.from(await whole.expertScalesFloat.read(), Number).join();
      session.expectValue({ case: 'against moeDispatch', tensor: 'expertScalesFloat' }, scales, expected);
    },
  };
}

interface Runner {
  readonly prepared: PreparedDispatch;
  readonly out: DispatchTensors<Tensor>;
  runAndCheck(this: void, label: string, random: Random): Promise<void>;
}

function makeRunner(session: Session, spec: Spec): Runner {
  const { mode, ...sizes } = spec;
  session.requireSizes({ ...sizes, topK: mode.moeTopk });
  const prepared: PreparedDispatch = prepare(session, { ...sizes, ...mode });
  const out = dispatchOut(session, { ...sizes, topK: mode.moeTopk });
  return {
    prepared,
    out,
    async runAndCheck(label, random) {
      const { x, gatingOutput } = randomInput(random, spec);
      prepared.run(session.upload(x), session.upload(gatingOutput), out);
      await checkDispatch(session, label, out, { x, gatingOutput, ...mode });
    },
  };
}

function randomInput(random: Random, { tokens, hidden, numExperts, dtype }: Spec) {
  return {
    x: randomRows(random, dtype, [tokens, hidden]),
    gatingOutput: drawn('float32', [tokens, numExperts], () => random.normal()),
  };
}
