import { readOptions, readProperties } from '../checks/options.js';
import { checkBoolean, checkFloat } from '../checks/values.js';
import { invalid } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type AnyCall, emptyCall } from './call.js';
import { checkedRequest } from './inputs.js';
import { areWeighed, argumentNames, perform } from './perform.js';

/** How moeReduce weighs and sums. */
export interface MoeReduceOptions {
  /** [E, D] or [E, 1, D] of ffnOut's dtype: added to each expert's rows. Default none. */
  ffn2Bias?: Tensor | null | undefined;
  /** Divide by the sum of the token's scales; a token whose scales sum to 0 has weights of 0. Default false. */
  normTopkProb?: boolean | undefined;
  /** Factor on every weight, rounded to float32; must be finite then. Default 1. */
  routedScalingFactor?: number | undefined;
  /**
   * The rows came weighed already, so weights are 1 instead of the scales. Default: whether the router of `dispatched`
   * says so; false in the long form.
   */
  applyRouterWeightOnInput?: boolean | undefined;
  /** The x of moeDispatch, which a router's identity experts return: their choices add w·x. Default: they add nothing. */
  x?: Tensor | null | undefined;
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

const OPTIONS = [
  'ffn2Bias',
  'normTopkProb',
  'routedScalingFactor',
  'applyRouterWeightOnInput',
  'x',
  'out',
] as const;
const ROUTING = ['expertScalesFloat', 'permuteIndicesPerToken', 'topKIndices'] as const;
const NAMES = { ...argumentNames('moeReduce'), output: 'out' };
const DISPATCHED_NAMES = {
  ...NAMES,
  ...Object.fromEntries(ROUTING.map((name) => [name, `dispatched.${name}`])),
};

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
  const { expertScalesFloat, permuteIndicesPerToken, topKIndices } = whole
    ? readProperties('dispatched', rest[0] as Dispatched, ROUTING, 'the result of moeDispatch, or a tensor')
    : { expertScalesFloat: rest[0], permuteIndicesPerToken: rest[1], topKIndices: rest[2] };
  const options = rest[whole ? 1 : ROUTING.length];
  const given = readOptions<MoeReduceOptions>(options === undefined ? {} : options, OPTIONS);
  const { ffn2Bias = null, out } = given;
  const call = emptyCall();
  readWeighing(call, given, whole && areWeighed(rest[0]));
  call.ffnOut = ffnOut;
  call.expertScalesFloat = expertScalesFloat as Tensor;
  call.permuteIndicesPerToken = permuteIndicesPerToken as Tensor;
  call.topKIndices = topKIndices as Tensor;
  call.ffn2Bias = ffn2Bias;
  const request = checkedRequest('moeReduce', call, whole ? DISPATCHED_NAMES : NAMES, given);
  perform('moeReduce', request, out === undefined ? undefined : { output: out });
  return call.output as Tensor;
}

/** Reads the attributes that say how rows are weighed. @throws InvalidArgumentError INVALID_ARGUMENT, INVALID_ROUTER */
export function readWeighing(call: AnyCall, given: Partial<MoeReduceOptions>, weighed = false): void {
  const { normTopkProb = false, routedScalingFactor = 1, applyRouterWeightOnInput = weighed } = given;
  checkBoolean('normTopkProb', normTopkProb);
  checkBoolean('applyRouterWeightOnInput', applyRouterWeightOnInput);
  if (applyRouterWeightOnInput && normTopkProb) {
    const expected = 'false, for rows that are weighed';
    throw invalid('INVALID_ROUTER', 'normTopkProb', 'true', expected);
  }
  call.normTopkProb = normTopkProb;
  call.routedScalingFactor = checkFloat('routedScalingFactor', routedScalingFactor);
  call.applyRouterWeightOnInput = applyRouterWeightOnInput;
}
