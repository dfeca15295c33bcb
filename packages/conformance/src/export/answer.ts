import type { ErrorCode, FloatDType, Router } from '@moe-dispatch/core';
import { encode } from '../float-formats.js';
import type { HostTensor } from '../host-tensor.js';
import type { HostTensors } from '../operations/host-call.js';
import { expectDispatch, expectPlan, expectRows } from '../oracle.js';
import { type ExpectedReduce, expectReduce, type ReduceInput } from '../oracle-reduce.js';
import { expectRouting, type RoutingInputs, type RoutingMode } from '../oracle-router.js';
import type { CallHeader } from '../protocol/request.js';
import { type Bounds, scaleBounds, sumBounds } from './bounds.js';

/** What the oracle says to a call. */
export interface Answer {
  readonly outputs: HostTensors;
  /** For backends with `exact: false`, by the names of the results that they may miss by a little. */
  readonly bounds: { readonly [name: string]: Bounds };
  /** A refusal that is as right as the outputs. Without outputs nobody says what they are. */
  readonly mayRefuse?: ErrorCode;
}

/** The right answer to a request. */
export function answer({ operation, router, attributes = {} }: CallHeader, inputs: HostTensors): Answer {
  if (operation === 'routeTokens' || operation === 'moeDispatch')
    return answerRouting(operation, router as Router, inputs);
  if (operation === 'planDispatch') {
    const experts = inputs.topKIndices as HostTensor<'int32'>;
    const { numExperts = 0, zeroExperts } = attributes;
    if (!inRange(experts, numExperts)) return OUT_OF_RANGE;
    return { outputs: { ...expectPlan(experts, numExperts, zeroExperts) }, bounds: {} };
  }
  if (operation === 'permuteRows') {
    const rows = inputs.permuteIndicesPerToken as HostTensor<'int32'>;
    if (!inRange(rows, rows.data.length)) return OUT_OF_RANGE;
    const weights = inputs.expertScalesFloat as HostTensor<'float32'> | undefined;
    return { outputs: { permuteInput: expectRows(inputs.x as HostTensor, rows, weights) }, bounds: {} };
  }
  const input = { ...inputs, ...attributes } as unknown as ReduceInput;
  const expected = expectReduce(input);
  return {
    outputs: { output: sumsOf(expected) },
    bounds: { output: sumBounds(expected) },
    ...(reduceInRange(input) ? {} : { mayRefuse: 'INDEX_OUT_OF_RANGE' }),
  };
}

const OUT_OF_RANGE: Answer = { outputs: {}, bounds: {}, mayRefuse: 'INDEX_OUT_OF_RANGE' };

function answerRouting(
  operation: 'routeTokens' | 'moeDispatch',
  router: Router,
  inputs: HostTensors,
): Answer {
  const mode = modeOf(router);
  const routing = inputs as unknown as RoutingInputs;
  const { gaps, expertScalesFloat, topKIndices } = expectRouting(routing, mode);
  // The weights are copies of the logits.
  const bounds =
    router.scoringFunc === 'none' ? {} : { expertScalesFloat: scaleBounds(expertScalesFloat, gaps) };
  if (operation === 'routeTokens') return { outputs: { topKIndices, expertScalesFloat }, bounds };
  const {
    numExperts: _,
    gaps: __,
    ...outputs
  } = expectDispatch({ ...routing, x: inputs.x as HostTensor }, mode);
  return { outputs, bounds };
}

/** The oracle takes Paddle's own name for it. */
function modeOf(router: Router): RoutingMode {
  return (router.selection as string) === 'one_per_group'
    ? { moeTopk: router.topK, groupMoe: true }
    : { router };
}

function sumsOf({ exact, dtype, shape }: ExpectedReduce): HostTensor<FloatDType> {
  return { dtype, shape: [...shape], data: encode(dtype, exact) };
}

function inRange({ data }: HostTensor<'int32'>, end: number): boolean {
  return data.every((index) => index >= -1 && index < end);
}

function reduceInRange({ permuteIndicesPerToken, topKIndices, ffn2Bias }: ReduceInput): boolean {
  const rows = permuteIndicesPerToken.data;
  return (
    inRange(permuteIndicesPerToken, rows.length) &&
    (ffn2Bias === undefined || inRange(topKIndices, ffn2Bias.shape[0]))
  );
}
