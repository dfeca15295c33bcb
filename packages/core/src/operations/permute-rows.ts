import { readOptions, readProperties } from '../checks/options.js';
import type { Tensor } from '../tensor.js';
import { emptyCall, type Outputs } from './call.js';
import { checkedRequest } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';

/** Whether rows are weighed on their way, and where permuteRows' result goes. */
export interface PermuteRowsOptions {
  /** [T, K] float32: multiplies each row by the weight of its choice. x is of a float dtype then. Default none. */
  expertScalesFloat?: Tensor | null | undefined;
  /** A tensor to write the result into, instead of a new one. It must not overlap an input. */
  out?: Outputs<'permuteRows'> | undefined;
}

const NAMES = { ...argumentNames('permuteRows'), permuteIndicesPerToken: 'plan.permuteIndicesPerToken' };

/**
 * The third stage: copies each token's row to the rows the plan gives it; a choice that the plan gives no row (−1) is left out. One plan can move any number of
 * tensors: activations, quantisation scales, ids.
 * @param x [T, D], [B, S, D] with T = B·S, or [T], any dtype of the backend; rows are moved as bytes.
 * @param plan from planDispatch or moeDispatch; only its permuteIndicesPerToken [K, T] is read.
 * @returns [K·T, D] of x's dtype; [K·T] if x is [T].
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host),
 *   DisposedError, ResourceError.
 */
export function permuteRows<T extends Tensor>(
  x: T,
  plan: { readonly permuteIndicesPerToken: Tensor },
  options: PermuteRowsOptions = {},
): T {
  const given = readOptions<PermuteRowsOptions>(options, ['expertScalesFloat', 'out']);
  const out = readOut('permuteRows', given.out);
  const expected = 'a plan, from planDispatch or moeDispatch';
  const { permuteIndicesPerToken } = readProperties('plan', plan, ['permuteIndicesPerToken'], expected);
  const call = emptyCall();
  call.x = x;
  call.permuteIndicesPerToken = permuteIndicesPerToken as Tensor;
  const request = checkedRequest('permuteRows', call, NAMES, given);
  call.applyRouterWeightOnInput = call.expertScalesFloat !== null;
  perform('permuteRows', request, out, x.shape.length === 1);
  return call.permuteInput as T;
}
