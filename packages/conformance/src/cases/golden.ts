import type { FloatDType } from '@moe-dispatch/core';
import { type OperationName, STAGES, type TensorName } from '@moe-dispatch/core/backend';
import { compareExact, compareScales, type Difference, wholeDifference } from '../compare.js';
import { compareGoldenReduce, compareReduce } from '../compare-reduce.js';
import type { FixtureSource } from '../fixtures.js';
import { decode } from '../float-formats.js';
import { type GoldenCall, parseGolden } from '../golden-fixture.js';
import { bytesOf, type HostTensor } from '../host-tensor.js';
import { type HostTensors, issue } from '../operations/host-call.js';
import { judge, stageOf } from '../operations/judge.js';
import { readOutputs } from '../operations/read.js';
import { expectReduce, type ReduceInput } from '../oracle-reduce.js';
import { expectRouting, type RoutingInputs } from '../oracle-router.js';
import type { Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';

/** Each fixture: what the backend gives must agree with the oracle and with the file's outputs. */
export function goldenCases(fixtures: FixtureSource): ConformanceCase[] {
  return fixtures.names.map((name) => ({
    id: `golden/${name}`,
    run: async (session) => {
      for (const call of parseGolden(await fixtures.load(name), `${name}.safetensors`)) {
        await checkGolden(session, call);
      }
    },
  }));
}

async function checkGolden(session: Session, call: GoldenCall): Promise<void> {
  const label = `${call.name} against the oracle`;
  const found = await readOutputs(session, label, call, issue(session, call));
  judge(session, label, call, found);
  const stages = call.operation === 'moeDispatch' ? STAGES : [call.operation];
  for (const operation of stages) {
    const differences = await compareStage(call, operation, found);
    session.report(differences);
    // The later ones were given something else than the file's.
    if (differences.length > 0) return;
  }
}

async function compareStage(
  call: GoldenCall,
  operation: OperationName,
  found: HostTensors,
): Promise<Difference[]> {
  const whose = call.byPaddle ? "Paddle's output" : 'the file';
  const label = `${call.name} against ${whose}`;
  const isOfStage = (tensor: TensorName) => (stageOf(tensor) ?? call.operation) === operation;
  const tensors = (Object.keys(call.outputs) as TensorName[]).filter(isOfStage);
  const differences = tensors.flatMap((tensor) => {
    const data = found[tensor];
    return data === undefined ? [] : compareOutput(call, { case: label, tensor, operation }, data);
  });
  for (const tensor of (Object.keys(call.hashes) as TensorName[]).filter(isOfStage)) {
    const [data, expected] = [found[tensor]?.data, call.hashes[tensor] as string];
    const hash = data === undefined ? expected : await sha256(bytesOf(data));
    const place = { case: label, tensor: `SHA-256 of ${tensor}`, operation };
    if (hash !== expected) differences.push(wholeDifference(place, expected, hash));
  }
  return differences;
}

/** Every byte, but for scales, and for sums as Paddle rounds them. */
function compareOutput(
  { inputs, options, outputs, byPaddle }: GoldenCall,
  place: { case: string; tensor: TensorName; operation: OperationName },
  { data }: HostTensor,
): Difference[] {
  const golden = outputs[place.tensor] as HostTensor;
  if (place.tensor === 'expertScalesFloat' && options.topkOnlyMode !== true) {
    const { gaps } = expectRouting(inputs as unknown as RoutingInputs, options);
    const scales = golden as HostTensor<'float32'>;
    // A file's scales may come from anywhere: those of the oracle are the exact ones.
    return compareScales(place, data as Float32Array<ArrayBuffer>, scales, gaps);
  }
  if (place.tensor === 'output') {
    const sums = data as Uint16Array<ArrayBuffer>;
    const expected = expectReduce({ ...inputs, ...options } as ReduceInput);
    if (byPaddle) return compareGoldenReduce(place, sums, golden as HostTensor<FloatDType>, expected);
    const exact = decode(expected.dtype, golden.data as Uint16Array<ArrayBuffer>);
    return compareReduce(place, sums, { ...expected, exact });
  }
  return compareExact(place, data, golden);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
