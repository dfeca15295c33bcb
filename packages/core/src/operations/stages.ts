import { type Backend, checkLimit } from '../backend.js';
import { checkGating, checkSameTokens } from '../checks/inputs.js';
import { checkOverlap } from '../checks/overlap.js';
import { checkRouting, checkRows, checkTopK, type RoutingOptions } from '../checks/routing.js';
import { invalidShape, tokenCount, width } from '../checks/shape.js';
import { checkObject, checkSize } from '../checks/values.js';
import { checkDType } from '../dtypes.js';
import type { PermuteCall, PlanCall, RouteCall } from '../kernels.js';
import { checkTensor, type Tensor, type TensorClass, type WithDType } from '../tensor.js';
import {
  checkOut,
  type DispatchPlan,
  fillPermuted,
  fillPlan,
  fillRouting,
  freeOnFailure,
  OUT_NAMES,
  type Out,
  PLAN_OUTPUTS,
  ROUTING_OUTPUTS,
  type RoutingTensors,
  unset,
} from './outputs.js';

/**
 * The first stage: chooses each token's experts and their scales.
 * @param gatingOutput [T, E] or [B, S, E], float32.
 * @throws InvalidArgumentError, DisposedError, ResourceError, as moeDispatch.
 */
export function routeTokens<T extends Tensor>(
  gatingOutput: T,
  options: RoutingOptions & { out?: Out<RoutingTensors<T>, T> },
): RoutingTensors<T> {
  const tokens = checkGating(gatingOutput);
  const { backend } = gatingOutput;
  const numExperts = width(gatingOutput);
  const { routing, topK } = checkRouting(options, tokens, numExperts, backend);
  const { out } = options;
  const call: RouteCall = {
    routing,
    tokens,
    numExperts,
    topK,
    gating: gatingOutput,
    topKIndices: unset,
    expertScalesFloat: unset,
  };
  freeOnFailure(call, ROUTING_OUTPUTS, out, () => {
    checkOut(out);
    fillRouting(call, backend, out);
    if (out !== undefined) {
      const { topKIndices, expertScalesFloat } = call;
      checkOverlap(ROUTING_NAMES, [expertScalesFloat, topKIndices, gatingOutput], ROUTING_OUTPUTS.length);
    }
    backend.route(call);
  });
  const { topKIndices, expertScalesFloat } = call;
  return { topKIndices, expertScalesFloat } as RoutingTensors<T>;
}

/**
 * The second stage: where each (token, choice) goes. Pairs are sorted by expert, stably by token, then choice.
 * Any router's choices will do.
 * @param topKIndices [T, K] int32, each from 0 to numExperts − 1.
 * @param numExperts E
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host),
 *   DisposedError, ResourceError.
 */
export function planDispatch<T extends Tensor>(
  topKIndices: T,
  numExperts: number,
  options: { out?: Out<DispatchPlan<T>, T> } = {},
): DispatchPlan<T> {
  checkTensor('topKIndices', topKIndices);
  checkDType('topKIndices', topKIndices.dtype, ['int32']);
  if (topKIndices.shape.length !== 2) throw invalidShape('topKIndices', topKIndices, 'rank 2 [tokens, topK]');
  checkObject('options', options);
  checkSize('numExperts', numExperts, 1);
  const { backend } = topKIndices;
  const [tokens, topK] = topKIndices.shape;
  checkTopK('topKIndices', topK, numExperts);
  checkRows('topKIndices', topK, tokens);
  checkLimit('numExperts', 'maxExperts', numExperts, backend);
  const { out } = options;
  const call: PlanCall = {
    tokens,
    numExperts,
    topK,
    topKIndices,
    tokenNumsPerExpert: unset,
    expertOffsets: unset,
    permuteIndicesPerToken: unset,
  };
  freeOnFailure(call, PLAN_OUTPUTS, out, () => {
    checkOut(out);
    fillPlan(call, backend, out);
    if (out !== undefined) {
      const { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken } = call;
      const tensors = [tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken, topKIndices];
      checkOverlap(PLAN_NAMES, tensors, PLAN_OUTPUTS.length);
    }
    backend.plan(call);
  });
  const { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken } = call;
  return { tokenNumsPerExpert, expertOffsets, permuteIndicesPerToken } as DispatchPlan<T>;
}

/**
 * The third stage: copies each token's row to the rows the plan gives it. One plan can move any number of
 * tensors: activations, quantisation scales, ids.
 * @param x [T, D], [B, S, D] with T = B·S, or [T], any dtype of the backend; rows are moved as bytes.
 * @param plan of planDispatch or moeDispatch; only its permuteIndicesPerToken [K, T] is read.
 * @returns [K·T, D] of x's dtype; [K·T] where x is [T].
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host),
 *   DisposedError, ResourceError.
 */
export function permuteRows<T extends Tensor>(
  x: T,
  plan: Pick<Out<DispatchPlan<T>, T>, 'permuteIndicesPerToken'>,
  options: { out?: { readonly permuteInput: TensorClass<T> } } = {},
): WithDType<T, T['dtype']> {
  checkTensor('x', x);
  const permuteIndicesPerToken = checkPlan(plan, x.backend);
  checkObject('options', options);
  const { backend } = x;
  const [topK, tokens] = permuteIndicesPerToken.shape;
  const vector = x.shape.length === 1;
  checkSameTokens('x', x, vector ? x.shape[0] : tokenCount('x', x), tokens, 'the plan');
  const { out } = options;
  const hidden = vector ? 1 : width(x);
  const call: PermuteCall = {
    tokens,
    topK,
    hidden,
    x,
    permuteIndicesPerToken,
    permuteInput: unset,
  };
  freeOnFailure(call, ['permuteInput'], out, () => {
    checkOut(out);
    fillPermuted(call, backend, out);
    if (out !== undefined) checkOverlap(PERMUTE_NAMES, [call.permuteInput, x, permuteIndicesPerToken], 1);
    backend.permute(call);
  });
  return call.permuteInput as WithDType<T, T['dtype']>;
}

const ROUTING_NAMES = [...ROUTING_OUTPUTS.map((name) => OUT_NAMES[name]), 'gatingOutput'];
const PLAN_NAMES = [...PLAN_OUTPUTS.map((name) => OUT_NAMES[name]), 'topKIndices'];
const PERMUTE_NAMES = [OUT_NAMES.permuteInput, 'x', 'plan.permuteIndicesPerToken'];

function checkPlan(plan: unknown, backend: Backend): Tensor {
  checkObject('plan', plan, 'a plan, as planDispatch or moeDispatch gives');
  const indices: unknown = (plan as Partial<DispatchPlan<Tensor>>).permuteIndicesPerToken;
  checkTensor('plan.permuteIndicesPerToken', indices, backend);
  checkDType('plan.permuteIndicesPerToken', indices.dtype, ['int32']);
  if (indices.shape.length !== 2 || indices.shape[0] < 1) {
    throw invalidShape('plan.permuteIndicesPerToken', indices, 'rank 2 [topK, tokens]');
  }
  checkRows('plan.permuteIndicesPerToken', indices.shape[0], indices.shape[1]);
  return indices;
}
