import { readOptions, readProperties } from '../checks/options.js';
import { checkTensor, type Tensor } from '../tensor.js';
import type { AnyCall, Outputs } from './call.js';
import { type ArgumentNames, CHECK_INPUTS } from './inputs.js';
import { outNames, perform, readOut } from './perform.js';

/** Where permuteRows' result goes. */
export interface PermuteRowsOptions {
  /** A tensor to write the result into, instead of a new one. It must not overlap an input. */
  out?: Outputs<'permuteRows'> | undefined;
}

/**
 * The third stage: copies each token's row to the rows the plan gives it. One plan can move any number of
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
  const given = readOptions<PermuteRowsOptions>(options, ['out']);
  const out = readOut('permuteRows', given.out);
  const expected = 'a plan, from planDispatch or moeDispatch';
  const { permuteIndicesPerToken } = readProperties('plan', plan, ['permuteIndicesPerToken'], expected);
  checkTensor('x', x);
  const { backend } = x;
  const call = { numExperts: 0, x, permuteIndicesPerToken } as Partial<AnyCall> as AnyCall;
  CHECK_INPUTS.permuteRows(call, backend, nameOf);
  const names = outNames('permuteRows', nameOf);
  const vector = x.shape.length === 1;
  perform('permuteRows', backend, call, out, names, vector);
  return call.permuteInput as T;
}

const nameOf: ArgumentNames = (name) => (name === 'permuteIndicesPerToken' ? `plan.${name}` : name);
