import type { FloatDType } from '@moe-dispatch/core';
import { STAGES, type TensorName } from '@moe-dispatch/core/backend';
import type { RandomInputs } from './cases/random-call.js';
import {
  classOf,
  compareExact,
  compareFloats,
  compareScalePair,
  type Difference,
  type Place,
  wholeDifference,
} from './compare.js';
import { compareReducePair } from './compare-reduce.js';
import { decode } from './float-formats.js';
import { type HostTensor, readHost } from './host-tensor.js';
import { type HostCall, type HostTensors, issue } from './operations/host-call.js';
import { outputsOf, rowsOfMap } from './operations/judge.js';
import { expectReduce, type ReduceInput } from './oracle-reduce.js';
import type { Session } from './session.js';
import type { UlpHistograms } from './ulp-histogram.js';

/** What one backend made of a random call, in plain memory. @throws NotClaimed, and what the backend throws */
export async function computeResults(
  session: Session,
  { dispatch, reduce }: RandomInputs,
): Promise<HostTensors> {
  try {
    return { ...(await compute(session, dispatch)), ...(await compute(session, reduce)) };
  } finally {
    session.dispose();
  }
}

async function compute(session: Session, call: HostCall): Promise<HostTensors> {
  const found = Object.entries(issue(session, call));
  const read = found.map(async ([name, tensor]) => [name, await readHost(tensor)]);
  return Object.fromEntries(await Promise.all(read));
}

/**
 * Where B's results differ from A's, up to the first stage in which they do: what follows was given other inputs.
 * @param exact whether the sums of both are exact
 * @param errors counts how far B's floats lie from A's
 */
export function compareResults(
  inputs: RandomInputs,
  a: HostTensors,
  b: HostTensors,
  exact: boolean,
  errors: UlpHistograms,
): Difference[] {
  const differences: Difference[] = [];
  for (const operation of STAGES) {
    for (const tensor of outputsOf(operation)) {
      const place = { case: 'moeDispatch', tensor, operation };
      differences.push(...compareTensors(inputs, place, a, b[tensor]!, exact, errors));
    }
    if (differences.length > 0) break;
  }
  return [...differences, ...compareOutputs(inputs, a.output!, b.output!, exact, errors)];
}

function compareTensors(
  { dispatch, gaps }: RandomInputs,
  place: Place & { tensor: TensorName },
  results: HostTensors,
  b: HostTensor,
  exact: boolean,
  errors: UlpHistograms,
): Difference[] {
  const a = results[place.tensor]!;
  const kind = differentKind(place, a, b);
  if (kind !== undefined) return kind;
  if (place.tensor === 'permuteInput') {
    const isDefined = rowsOfMap(results.permuteIndicesPerToken as HostTensor<'int32'>, a);
    return dispatch.options.router?.applyRouterWeightOnInput === true
      ? compareFloats(place, (b as HostTensor<FloatDType>).data, a as HostTensor<FloatDType>, isDefined)
      : compareExact(place, b.data, a, isDefined);
  }
  if (place.tensor !== 'expertScalesFloat') return compareExact(place, b.data, a);
  const [scales, found] = [a as HostTensor<'float32'>, b.data as Float32Array<ArrayBuffer>];
  if (dispatch.options.topkOnlyMode === true) return compareFloats(place, found, scales);
  scales.data.forEach((value, i) => {
    errors.add(place.tensor, 'float32', value, found[i]);
  });
  return exact ? compareFloats(place, found, scales) : compareScalePair(place, found, scales, gaps);
}

function compareOutputs(
  { reduce }: RandomInputs,
  a: HostTensor,
  b: HostTensor,
  exact: boolean,
  errors: UlpHistograms,
): Difference[] {
  const place = { case: 'moeReduce', tensor: 'output', operation: 'moeReduce' } as const;
  const kind = differentKind(place, a, b);
  if (kind !== undefined) return kind;
  const [right, other] = [a as HostTensor<FloatDType>, b as HostTensor<FloatDType>];
  const found = decode(other.dtype, other.data);
  decode(right.dtype, right.data).forEach((value, i) => {
    errors.add(`output ${right.dtype}`, right.dtype, value, found[i]);
  });
  return compareReducePair(
    place,
    other.data,
    right,
    expectReduce({ ...reduce.inputs, ...reduce.options } as ReduceInput),
    exact,
  );
}

function differentKind(place: Place, a: HostTensor, b: HostTensor): Difference[] | undefined {
  const kind = ({ dtype, shape, data }: HostTensor) =>
    `${dtype} [${shape.join(', ')}], ${data.length} elements in ${classOf(data)}`;
  return kind(a) === kind(b) ? undefined : [wholeDifference(place, kind(a), kind(b))];
}
