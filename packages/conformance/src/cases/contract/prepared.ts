import { moeDispatch, type OperationName, type Prepared } from '@moe-dispatch/core';
import { OPERATIONS, type OperationEntry } from '@moe-dispatch/core/backend';
import { checkDispatch, checkOutputs } from '../../checks.js';
import {
  claimed,
  type DeviceTensors,
  type HostCall,
  named,
  outputKinds,
  requireCall,
  routingOptions,
  uploadInputs,
} from '../../operations/host-call.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, MODES, Random, randomRows } from '../data.js';
import { type ExampleSpec, exampleCall, prepareOptions } from '../example-call.js';
import { uploadOut } from '../outputs.js';
import { prepareWith } from '../prepare.js';
import { PLAIN, type RouterFields, routerSpec, useful } from '../routers.js';

const BASE: ExampleSpec = { tokens: 29, hidden: 7, numExperts: 12, topK: 3, dtype: 'float32' };

/** Prepared operations: many runs of one object, fewer tokens, several objects, failing runs, no allocation. */
export function preparedCases(): ConformanceCase[] {
  const dispatches: [name: string, spec: Partial<ExampleSpec>][] = [
    ...MODES.map(({ name, mode }) => [name, { options: mode }] as [string, Partial<ExampleSpec>]),
    ...(['float16', 'bfloat16', 'int8', 'int64'] as const).map(
      (dtype) => [`dtype=${dtype}`, { dtype }] as [string, Partial<ExampleSpec>],
    ),
    ['t=0', { tokens: 0 }],
    ['d=0', { hidden: 0 }],
    ['t=1', { tokens: 1 }],
    ['e=1', { numExperts: 1, topK: 1 }],
    ['e=8192', { tokens: 3, numExperts: 8192, topK: 8 }],
    // Without a softmax, because the oracle's is slow.
    ['t=66000', { tokens: 66_000, hidden: 2, numExperts: 4, topK: 2, options: { topkOnlyMode: true } }],
    ['t=2050', { tokens: 2050, numExperts: 64, topK: 6 }],
  ];
  const routers: [name: string, fields: Partial<RouterFields>][] = [
    [
      'groups,bias,norm,mask',
      { scoringFunc: 'sigmoid', bias: true, nGroup: 4, topkGroup: 2, normTopkProb: true, tokenMask: true },
    ],
    ['identity,scales', { zeroExperts: 3, perExpertScale: true, globalScale: true, gatingDtype: 'bfloat16' }],
    ['weight-on-input,capacity', { applyRouterWeightOnInput: true, expertCapacity: 5, dropPolicy: 'probs' }],
    ['given,shared', { selection: 'given', scoringFunc: 'sigmoid', normTopkProb: true, sharedExperts: 2 }],
    ['sparsemixer', { selection: 'sparsemixer', jitterEps: 0.05 }],
  ];
  const reduces: [name: string, spec: Partial<ExampleSpec>][] = [
    ['moeReduce,bias,norm', { bias: true, options: { normTopkProb: true, routedScalingFactor: 2.5 } }],
    ['moeReduce,dtype=float16', { dtype: 'float16' }],
    ['moeReduce,dtype=bfloat16,bias', { dtype: 'bfloat16', bias: true }],
  ];
  return [
    ...dispatches.map(([name, spec]) => runsCase(name, 'moeDispatch', { ...BASE, ...spec })),
    ...(Object.keys(OPERATIONS) as OperationName[]).flatMap((operation) => [
      runsCase(operation, operation, BASE),
      fewerTokensCase(`${operation},up-to-t=29`, operation, BASE),
      fewerTokensCase(`${operation},up-to-t=2050`, operation, {
        ...BASE,
        tokens: 2050,
        numExperts: 16,
        topK: 2,
      }),
    ]),
    ...routers.flatMap(([name, fields]) => {
      const spec = routerSpec(useful({ ...PLAIN, ...fields }), BASE);
      return (['moeDispatch', 'permuteRows', 'moeReduce'] as const).map((operation) =>
        fewerTokensCase(`${operation},router=${name}`, operation, spec),
      );
    }),
    ...reduces.map(([name, spec]) => fewerTokensCase(name, 'moeReduce', { ...BASE, ...spec })),
    interleaved(),
    afterFailingRun(),
    threeDimensions(),
    withoutAllocation(),
  ];
}

/** Different data in each run, into the same tensors. */
function runsCase(name: string, operation: OperationName, spec: ExampleSpec): ConformanceCase {
  const id = `generated/prepared/${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const call = () => exampleCall(operation, spec, random);
      const first = call();
      const prepared = prepareFor(session, first, spec);
      const out = uploadOut(session, operation, spec);
      await runAndCheck(session, 'run 0', prepared, first, out);
      for (let run = 1; run < 3; run++) await runAndCheck(session, `run ${run}`, prepared, call(), out);
    },
  };
}

/** One object takes any number of tokens up to the one that it was prepared for, in tensors that it makes. */
function fewerTokensCase(name: string, operation: OperationName, spec: ExampleSpec): ConformanceCase {
  const id = `generated/prepared/${name}`;
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const most = spec.tokens;
      const prepared = prepareFor(session, exampleCall(operation, spec, random), spec);
      for (const tokens of [most, 0, 1, most, Math.floor(most / 2), most - 1, most]) {
        const call = exampleCall(operation, { ...spec, tokens }, random);
        const out = session.keep(prepared.outputs(...(tokens === most ? [] : [tokens])));
        await runAndCheck(session, `${tokens} tokens`, prepared, call, out as unknown as DeviceTensors);
        const before = session.backend.memory().liveTensors;
        out.dispose();
        const place = { case: 'outputs().dispose()', tensor: 'memory().liveTensors' };
        const count = Object.keys(outputKinds(call)).length;
        session.expectValue(place, session.backend.memory().liveTensors, before - count);
      }
    },
  };
}

function interleaved(): ConformanceCase {
  const id = 'generated/prepared/interleaved';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const other = { ...BASE, tokens: 64, numExperts: 30, topK: 5 };
      const calls = (spec: ExampleSpec) => () => exampleCall('moeDispatch', spec, random);
      const [firstCall, secondCall] = [calls(BASE), calls(other)];
      const first = prepareFor(session, firstCall(), BASE);
      const second = prepareFor(session, secondCall(), other);
      const firstOut = uploadOut(session, 'moeDispatch', BASE);
      const secondOut = uploadOut(session, 'moeDispatch', other);
      for (let run = 0; run < 3; run++) {
        const call = firstCall();
        issueRun(session, first, call, firstOut);
        await runAndCheck(session, `run ${run} of the second`, second, secondCall(), secondOut);
        await checkOutputs(session, `run ${run} of the first`, call, firstOut);
      }
      second.dispose();
      await runAndCheck(session, 'after the second was disposed', first, firstCall(), firstOut);
    },
  };
}

function afterFailingRun(): ConformanceCase {
  const id = 'generated/prepared/after-a-failing-run';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const call = () => exampleCall('moeDispatch', BASE, random);
      const first = call();
      const prepared = prepareFor(session, first, BASE);
      const out = uploadOut(session, 'moeDispatch', BASE);
      await runAndCheck(session, 'before', prepared, first, out);
      const x = session.upload(first.inputs.x!);
      let thrown: unknown;
      try {
        prepared.run(x, x, out as never);
      } catch (error) {
        thrown = error;
      }
      const place = { case: 'x as gatingOutput', tensor: 'an error is thrown' };
      session.expectValue(place, thrown instanceof Error, true);
      await runAndCheck(session, 'after', prepared, call(), out);
    },
  };
}

function threeDimensions(): ConformanceCase {
  const id = 'generated/prepared/three-dimensions';
  return {
    id,
    run: async (session) => {
      const random = new Random(id);
      const spec = { ...BASE, tokens: 6 };
      const prepared = prepareFor(session, exampleCall('moeDispatch', spec, random), spec);
      const out = uploadOut(session, 'moeDispatch', spec);
      const x = randomRows(random, 'float32', [2, 3, BASE.hidden]);
      const gatingOutput = drawn('float32', [3, 2, BASE.numExperts], () => random.normal());
      prepared.run(session.upload(x), session.upload(gatingOutput), out as never);
      await checkDispatch(session, 'x [2, 3, D]', out, { x, gatingOutput, moeTopk: BASE.topK });
    },
  };
}

/** Runs change nothing in memory(), and prepared runs agree with moeDispatch to the last bit of the scales. */
function withoutAllocation(): ConformanceCase {
  const id = 'generated/prepared/no-allocation';
  return {
    id,
    run: async (session) => {
      const call = exampleCall('moeDispatch', BASE, new Random(id));
      const prepared = prepareFor(session, call, BASE);
      const out = uploadOut(session, 'moeDispatch', BASE);
      await prepared.ready;
      const { x, gatingOutput } = uploadInputs(session, call);
      const run = () => prepared.run(x!, gatingOutput!, out as never);
      run();
      const before = session.backend.memory();
      for (let i = 0; i < 5; i++) run();
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
      const whole = session.keep(moeDispatch(x!, gatingOutput!, routingOptions(call.options)));
      const scales = Array.from(await out.expertScalesFloat!.read(), Number).join();
      const expected = Array.from(await whole.expertScalesFloat.read(), Number).join();
      session.expectValue({ case: 'against moeDispatch', tensor: 'expertScalesFloat' }, scales, expected);
    },
  };
}

/** @param call one of those that are to be run */
function prepareFor<Op extends OperationName>(
  session: Session,
  call: HostCall & { readonly operation: Op },
  spec: ExampleSpec,
): Prepared<Op> {
  requireCall(session, call);
  if (spec.options?.router !== undefined) session.requireExact();
  return claimed(call, () => prepareWith(session, call.operation, prepareOptions(call.operation, spec)));
}

async function runAndCheck(
  session: Session,
  label: string,
  prepared: Prepared,
  call: HostCall,
  out: DeviceTensors,
): Promise<void> {
  issueRun(session, prepared, call, out);
  await checkOutputs(session, label, call, out);
}

function issueRun(session: Session, prepared: Prepared, call: HostCall, out: DeviceTensors): void {
  const tensors = uploadInputs(session, call);
  const { inputs, optional }: OperationEntry = OPERATIONS[call.operation];
  const byName = named(call.operation, tensors);
  const run = prepared.run as (...inputsAndOut: unknown[]) => void;
  const positional = [...inputs, ...optional].map((name) => tensors[name] ?? null);
  claimed(call, () => run(...positional, out, ...(Object.keys(byName).length === 0 ? [] : [byName])));
}
