import { type Backend, type FloatDType, moeDispatch, moeReduce, type Tensor } from '@moe-dispatch/core';
import type { RandomInputs } from './cases/random-call.js';
import { optionsOf, requireDispatch, uploadReduceOptions } from './checks.js';
import {
  classOf,
  compareExact,
  compareReducePair,
  compareScalePair,
  type Difference,
  type Place,
  wholeDifference,
} from './compare.js';
import { decode } from './float-formats.js';
import type { HostTensor } from './host-tensor.js';
import { resolveManifest } from './manifest.js';
import { expectReduce } from './oracle.js';
import { Session } from './session.js';
import type { UlpHistograms } from './ulp-histogram.js';

const EXACT = [
  'topKIndices',
  'tokenNumsPerExpert',
  'expertOffsets',
  'permuteIndicesPerToken',
  'permuteInput',
] as const;

/** What one backend made of a random call, in plain memory. */
export interface Results {
  /** In the order of EXACT. */
  readonly exact: readonly HostTensor[];
  readonly expertScalesFloat: HostTensor<'float32'>;
  readonly output: HostTensor<FloatDType>;
}

/** @throws NotClaimed, and what the backend throws */
export async function computeResults(backend: Backend, { dispatch, reduce }: RandomInputs): Promise<Results> {
  const claims = resolveManifest(backend, {}, false);
  const session = new Session({ backend, factory: undefined, native: undefined, claims });
  try {
    requireDispatch(session, dispatch);
    const [x, gating] = [session.upload(dispatch.x), session.upload(dispatch.gating)];
    const routed = session.keep(moeDispatch(x, gating, optionsOf(dispatch)));
    const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices } = reduce;
    const inputs = [ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices];
    const [ffn, scales, rows, experts] = inputs.map((host) => session.upload(host));
    const output = session.keep(moeReduce(ffn, scales, rows, experts, uploadReduceOptions(session, reduce)));
    return {
      exact: await Promise.all(EXACT.map((name) => toHost(routed[name]))),
      expertScalesFloat: (await toHost(routed.expertScalesFloat)) as HostTensor<'float32'>,
      output: (await toHost(output)) as HostTensor<FloatDType>,
    };
  } finally {
    session.dispose();
  }
}

async function toHost(tensor: Tensor): Promise<HostTensor> {
  return { data: await tensor.read(), shape: tensor.shape, dtype: tensor.dtype };
}

/** Where B's results differ from A's. `errors` counts how far B's floats lie from A's. */
export function compareResults(
  inputs: RandomInputs,
  a: Results,
  b: Results,
  errors: UlpHistograms,
): Difference[] {
  return [
    ...EXACT.flatMap((tensor, i) => {
      const place = { case: 'moeDispatch', tensor };
      return differentKind(place, a.exact[i], b.exact[i]) ?? compareExact(place, b.exact[i].data, a.exact[i]);
    }),
    ...compareScales(inputs, a.expertScalesFloat, b.expertScalesFloat, errors),
    ...compareOutputs(inputs, a.output, b.output, errors),
  ];
}

function compareScales(
  { dispatch, gaps }: RandomInputs,
  a: Results['expertScalesFloat'],
  b: Results['expertScalesFloat'],
  errors: UlpHistograms,
): Difference[] {
  const place = { case: 'moeDispatch', tensor: 'expertScalesFloat' };
  const kind = differentKind(place, a, b);
  if (kind !== undefined) return kind;
  if (dispatch.topkOnlyMode === true) return compareExact(place, b.data, a);
  a.data.forEach((value, i) => {
    // The contract lets smaller ones be 0.
    if (value > 1e-37) errors.add(place.tensor, 'float32', value, b.data[i]);
  });
  return compareScalePair(place, b.data, a, gaps);
}

function compareOutputs(
  { reduce }: RandomInputs,
  a: Results['output'],
  b: Results['output'],
  errors: UlpHistograms,
): Difference[] {
  const place = { case: 'moeReduce', tensor: 'output' };
  const kind = differentKind(place, a, b);
  if (kind !== undefined) return kind;
  const found = decode(b.dtype, b.data);
  decode(a.dtype, a.data).forEach((value, i) => {
    errors.add(`output ${a.dtype}`, a.dtype, value, found[i]);
  });
  return compareReducePair(place, b.data, a, expectReduce(reduce));
}

function differentKind(place: Place, a: HostTensor, b: HostTensor): Difference[] | undefined {
  const kind = ({ dtype, shape, data }: HostTensor) =>
    `${dtype} [${shape.join(', ')}], ${data.length} elements in ${classOf(data)}`;
  return kind(a) === kind(b) ? undefined : [wholeDifference(place, kind(a), kind(b))];
}
