import type { ArrayOf, FloatDType } from '@moe-dispatch/core';
import { OPERATIONS, type OperationName, STAGES, type TensorName } from '@moe-dispatch/core/backend';
import { compareExact, compareFloats, compareScales, type Place } from '../compare.js';
import { compareReduce } from '../compare-reduce.js';
import { decode } from '../float-formats.js';
import type { HostTensor } from '../host-tensor.js';
import { agreementOf } from '../levels/agreement.js';
import { type Agreement, reaches } from '../levels/levels.js';
import { expectPlan, expectRows } from '../oracle.js';
import { type ExpectedReduce, expectReduce, type ReduceInput } from '../oracle-reduce.js';
import {
  type ExpectedRouting,
  expectRouting,
  type RoutingInputs,
  type RoutingMode,
} from '../oracle-router.js';
import type { Session } from '../session.js';
import type { HostCall, HostTensors } from './host-call.js';

/*
 * Each stage is judged on what it was given: the plan on the choices that were found, the rows on the map that was found.
 * So a fault shows in its own stage alone.
 */

type Stage = (typeof STAGES)[number];

/** What permuteRows is given. */
interface RowInputs {
  readonly x: HostTensor;
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
  readonly expertScalesFloat?: HostTensor<'float32'>;
}

/** The names of an operation's results. */
export function outputsOf(operation: OperationName): readonly TensorName[] {
  return OPERATIONS[operation].outputs;
}

/** The stage that gives this result. */
export function stageOf(tensor: TensorName): OperationName | undefined {
  return STAGES.find((stage) => outputsOf(stage).includes(tensor));
}

/** @param found what could be read of the results */
type Judge = (session: Session, label: string, call: HostCall, found: HostTensors) => void;

const JUDGES: { readonly [Op in OperationName]: Judge } = {
  moeDispatch(session, label, { inputs, options }, found) {
    const { x, ...routing } = inputs as Required<HostTensors>;
    const [numExperts] = routing.gatingOutput.shape.slice(-1);
    const judgeStage = (
      operation: Stage,
      flaw: string | undefined,
      stageInputs: object,
      stageOptions: object,
    ) => {
      if (flaw !== undefined) session.skipJudging(operation, `${label}: ${flaw}`);
      else judge(session, label, { operation, inputs: stageInputs, options: stageOptions }, found);
    };
    const { topKIndices, permuteIndicesPerToken, expertScalesFloat } = found;
    const { zeroExperts, applyRouterWeightOnInput = false } = options.router ?? {};
    const plan = { numExperts, zeroExperts: zeroExperts?.count };
    judgeStage('routeTokens', undefined, routing, options);
    judgeStage('planDispatch', flawOfChoices(topKIndices, numExperts), { topKIndices }, plan);
    const rows = { x, permuteIndicesPerToken, ...(applyRouterWeightOnInput ? { expertScalesFloat } : {}) };
    judgeStage('permuteRows', flawOfMap(permuteIndicesPerToken), rows, {});
  },

  routeTokens(session, label, { inputs, options }, found) {
    const expected = expectRouting(inputs as unknown as RoutingInputs, options);
    const { numExperts, topKIndices, expertScalesFloat, gaps } = expected;
    if (found.topKIndices !== undefined) {
      session.recordRouting(numExperts, topKIndices.shape[1], found.topKIndices.data as Int32Array);
    }
    if (hasDeclared(session, inputs as unknown as RoutingInputs, options, expected, found)) return;
    judgeExact(session, label, 'routeTokens', found, { topKIndices });
    if (found.expertScalesFloat === undefined) return;
    const { data } = found.expertScalesFloat as HostTensor<'float32'>;
    const copied = options.topkOnlyMode === true;
    if (!copied) recordScales(session, data, expertScalesFloat.data);
    const place = { case: label, tensor: 'expertScalesFloat', operation: 'routeTokens' } as const;
    session.report(
      session.isExact || copied
        ? compareFloats(place, data, expertScalesFloat)
        : compareScales(place, data, expertScalesFloat, gaps),
    );
  },

  planDispatch(session, label, { inputs, options }, found) {
    const topKIndices = inputs.topKIndices as HostTensor<'int32'>;
    const expected = expectPlan(topKIndices, options.numExperts as number, options.zeroExperts);
    judgeExact(session, label, 'planDispatch', found, { ...expected });
  },

  permuteRows(session, label, { inputs }, found) {
    if (found.permuteInput === undefined) return;
    const { x, permuteIndicesPerToken, expertScalesFloat } = inputs as unknown as RowInputs;
    const expected = expectRows(x, permuteIndicesPerToken, expertScalesFloat);
    const { data } = found.permuteInput;
    const place = { case: label, tensor: 'permuteInput', operation: 'permuteRows' } as const;
    const isDefined = rowsOfMap(permuteIndicesPerToken, expected);
    session.report(
      expertScalesFloat === undefined
        ? compareExact(place, data, expected, isDefined)
        : compareFloats(
            place,
            data as Float32Array<ArrayBuffer>,
            expected as HostTensor<FloatDType>,
            isDefined,
          ),
    );
  },

  moeReduce(session, label, { inputs, options }, found) {
    if (found.output === undefined) return;
    const expected = expectReduce({ ...inputs, ...options } as ReduceInput);
    const { data, dtype } = found.output as HostTensor<FloatDType>;
    const decoded = decode(dtype, data);
    expected.exact.forEach((value, i) => {
      session.errors.add(`output ${dtype}`, dtype, value, decoded[i]);
    });
    const place = { case: label, tensor: 'output', operation: 'moeReduce' } as const;
    const differences = compareReduce(place, data, expected, session.isExact);
    const same = session.isExact
      ? differences.length === 0
      : compareReduce(place, data, expected).length === 0;
    session.noteAgreement({ sums: same ? 'same bytes' : sumsNearness(place, data, expected) });
    session.report(differences);
  },
};

/** Notes the level that routing reaches. @returns whether that is the one which the backend declares */
function hasDeclared(
  session: Session,
  inputs: RoutingInputs,
  mode: RoutingMode,
  expected: ExpectedRouting,
  { topKIndices, expertScalesFloat }: HostTensors,
): boolean {
  if (topKIndices === undefined || expertScalesFloat === undefined) return false;
  const agreement = agreementOf(inputs, mode, expected, {
    topKIndices: topKIndices.data as Int32Array,
    expertScalesFloat: expertScalesFloat.data as Float32Array,
  });
  session.noteAgreement(agreement);
  return session.level !== undefined && reaches(agreement, session.level);
}

/** Compares what a call gave with the oracle. */
export function judge(session: Session, label: string, call: HostCall, found: HostTensors): void {
  JUDGES[call.operation](session, label, call, found);
}

function sumsNearness(
  place: Place,
  data: ArrayOf<FloatDType>,
  expected: ExpectedReduce,
): NonNullable<Agreement['sums']> {
  return compareReduce(place, data, expected, false).length === 0 ? 'within a bound' : 'none';
}

function judgeExact(
  session: Session,
  label: string,
  operation: OperationName,
  found: HostTensors,
  expected: HostTensors,
): void {
  for (const tensor of Object.keys(expected) as TensorName[]) {
    const [data, right] = [found[tensor]?.data, expected[tensor] as HostTensor];
    if (data !== undefined) session.report(compareExact({ case: label, tensor, operation }, data, right));
  }
}

function recordScales(session: Session, found: Float32Array, expected: Float32Array): void {
  expected.forEach((value, i) => {
    session.errors.add('expertScalesFloat', 'float32', value, found[i]);
  });
}

/**
 * Whether an element is in a row that the map names: what others hold, nobody says.
 * @param rows [K·T, D], or [K·T]
 */
export function rowsOfMap(
  { data }: HostTensor<'int32'>,
  { shape }: HostTensor,
): (element: number) => boolean {
  const named = new Set(data);
  const [, hidden = 1] = shape;
  return (element) => named.has(Math.floor(element / hidden));
}

/** Why there is no right plan of these choices. */
function flawOfChoices(choices: HostTensor | undefined, numExperts: number): string | undefined {
  if (choices === undefined) return 'topKIndices could not be read';
  const wrong = (choices.data as Int32Array).find((expert) => expert < -1 || expert >= numExperts);
  return wrong === undefined ? undefined : `topKIndices has ${wrong}, of ${numExperts} experts`;
}

/** Why there are no right rows of this map. */
function flawOfMap(map: HostTensor | undefined): string | undefined {
  if (map === undefined) return 'permuteIndicesPerToken could not be read';
  const named = new Uint8Array(map.data.length);
  for (const row of map.data as Int32Array) {
    if (row === -1) continue;
    if (row < 0 || row >= named.length) return `permuteIndicesPerToken has ${row}, of ${named.length} rows`;
    if (named[row] === 1) return `permuteIndicesPerToken has ${row} twice`;
    named[row] = 1;
  }
  return undefined;
}
