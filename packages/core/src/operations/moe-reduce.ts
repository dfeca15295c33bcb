import { readOptions, readProperties } from '../checks/options.js';
import { checkBoolean, checkFloat } from '../checks/values.js';
import { checkTensor, isTensor, type Tensor } from '../tensor.js';
import type { AnyCall } from './call.js';
import { type ArgumentNames, CHECK_INPUTS } from './inputs.js';
import { perform } from './perform.js';

/** How moeReduce weighs and sums. */
export interface MoeReduceOptions {
  /** [E, D] or [E, 1, D] of ffnOut's dtype: added to each expert's rows. Default none. */
  ffn2Bias?: Tensor | null | undefined;
  /** Divide by the sum of the token's scales; a token whose scales sum to 0 has weights of 0. Default false. */
  normTopkProb?: boolean | undefined;
  /** Factor on every weight, rounded to float32; must be finite then. Default 1. */
  routedScalingFactor?: number | undefined;
  /** [T, D] of ffnOut's dtype: a tensor to write the result into, instead of a new one. It must not overlap an input. */
  out?: Tensor | undefined;
}

/** What moeReduce needs from the result of moeDispatch. */
export interface Dispatched {
  /** [T, K] float32 */
  readonly expertScalesFloat: Tensor;
  /** [K, T] int32 */
  readonly permuteIndicesPerToken: Tensor;
  /** [T, K] int32 */
  readonly topKIndices: Tensor;
}

const OPTIONS = ['ffn2Bias', 'normTopkProb', 'routedScalingFactor', 'out'] as const;
const ROUTING = ['expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'] as const;

/**
 * Gathers each token's rows back from its experts and sums them by their scales: Paddle's
 * `paddle.incubate.nn.functional.moe_reduce`, exact to the last bit as docs/semantics.md says. Sums run over the choices in
 * order, in float32, and are rounded to the dtype once.
 *
 * @param ffnOut [K·T, D], float32, float16 or bfloat16: the experts' results for moeDispatch's permuteInput.
 * @param dispatched the result of moeDispatch; or its three tensors, one after the other: expertScalesFloat [T, K] float32,
 *   permuteIndicesPerToken [K, T] int32, topKIndices [T, K] int32.
 * @returns [T, D] of ffnOut's dtype.
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host; elsewhere
 *   such a choice adds nothing), DisposedError, ResourceError.
 */
export function moeReduce<T extends Tensor>(ffnOut: T, dispatched: Dispatched, options?: MoeReduceOptions): T;
export function moeReduce<T extends Tensor>(
  ffnOut: T,
  expertScalesFloat: Tensor,
  permuteIndicesPerToken: Tensor,
  topKIndices: Tensor,
  options?: MoeReduceOptions,
): T;
export function moeReduce(ffnOut: Tensor, ...rest: unknown[]): Tensor {
  const whole = !isTensor(rest[0]) && rest.length <= 2;
  const routing = whole
    ? readDispatched(rest[0])
    : Object.fromEntries(ROUTING.map((name, i) => [name, rest[i]]));
  const { [whole ? 1 : ROUTING.length]: options = {} } = rest;
  const given = readOptions<MoeReduceOptions>(options, OPTIONS);
  const { ffn2Bias = null, normTopkProb = false, routedScalingFactor = 1, out } = given;
  checkTensor('ffnOut', ffnOut);
  checkBoolean('normTopkProb', normTopkProb);
  const factor = checkFloat('routedScalingFactor', routedScalingFactor);
  const call = {
    normTopkProb,
    routedScalingFactor: factor,
    ffnOut,
    ffn2Bias,
    ...routing,
  } as unknown as AnyCall;
  const nameOf: ArgumentNames = (name) => {
    if (name === 'output') return 'out';
    return whole && name in routing ? `dispatched.${name}` : name;
  };
  CHECK_INPUTS.moeReduce(call, ffnOut.backend, nameOf);
  perform('moeReduce', ffnOut.backend, call, out && { output: out }, nameOf);
  return call.output as Tensor;
}

function readDispatched(value: unknown): object {
  return readProperties('dispatched', value as Dispatched, ROUTING, 'the result of moeDispatch, or a tensor');
}
