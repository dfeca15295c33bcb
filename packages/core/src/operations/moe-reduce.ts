import { checkOutput, newOutput } from '../checks/output.js';
import { checkOverlap } from '../checks/overlap.js';
import { checkRows } from '../checks/routing.js';
import { checkExactShape, invalidShape } from '../checks/shape.js';
import { checkBoolean, checkObject } from '../checks/values.js';
import { checkDType, FLOAT_DTYPES } from '../dtypes.js';
import { describe, invalid } from '../errors.js';
import type { ReduceCall } from '../kernels.js';
import { checkTensor, type Tensor, type TensorClass, type WithDType } from '../tensor.js';
import { freeOnFailure, unset } from './outputs.js';

/** How moeReduce weighs and sums. */
export interface MoeReduceOptions<T extends Tensor> {
  /** [E, D] or [E, 1, D] of ffnOut's dtype: added to each expert's rows. Default none. */
  ffn2Bias?: TensorClass<T> | null;
  /** Divide by the sum of the token's scales; a token whose scales sum to 0 gives 0. Default false. */
  normTopkProb?: boolean;
  /** Factor on the whole result, finite. Default 1. */
  routedScalingFactor?: number;
  /** [T, D] of ffnOut's dtype: a tensor to write the result into, instead of a new one. No input may overlap it. */
  out?: TensorClass<T>;
}

/**
 * Gathers each token's rows back from its experts and sums them by their scales: Paddle's
 * `paddle.incubate.nn.functional.moe_reduce`, exact as docs/semantics.md says. Sums run over the choices in order,
 * in float32, and are rounded to the dtype once.
 *
 * @param ffnOut [K·T, D], float32, float16 or bfloat16: the experts' results for moeDispatch's permuteInput.
 * @param expertScalesFloat [T, K] float32, from moeDispatch.
 * @param permuteIndicesPerToken [K, T] int32, from moeDispatch.
 * @param topKIndices [T, K] int32, from moeDispatch.
 * @returns [T, D] of ffnOut's dtype.
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host; elsewhere
 *   such a row counts as 0), DisposedError, ResourceError.
 */
export function moeReduce<T extends Tensor>(
  ffnOut: T,
  expertScalesFloat: TensorClass<T>,
  permuteIndicesPerToken: TensorClass<T>,
  topKIndices: TensorClass<T>,
  options: MoeReduceOptions<T> = {},
): WithDType<T, T['dtype']> {
  checkObject('options', options);
  const call = checkRoutingInputs(ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices);
  const { backend } = ffnOut;
  const { ffn2Bias = null, normTopkProb = false, routedScalingFactor = 1, out } = options;
  checkBoolean('normTopkProb', normTopkProb);
  checkFactor(routedScalingFactor);
  call.normTopkProb = normTopkProb;
  call.routedScalingFactor = routedScalingFactor;
  if (ffn2Bias !== null) {
    call.numExperts = checkBias(ffn2Bias, call);
    call.ffn2Bias = ffn2Bias;
  }
  const { tokens, hidden } = call;
  freeOnFailure(call, ['output'], out, () => {
    if (out === undefined) {
      call.output = newOutput(backend, 'ffnOut', ffnOut.dtype, tokens, hidden);
    } else {
      call.output = checkOutput(backend, 'out', out, ffnOut.dtype, tokens, hidden);
      checkReduceOverlap(call);
    }
    // An empty result needs no kernel, whatever size the choices have.
    if (tokens * hidden > 0) backend.reduce(call);
  });
  return call.output as WithDType<T, T['dtype']>;
}

function checkRoutingInputs(
  ffnOut: Tensor,
  expertScalesFloat: Tensor,
  permuteIndicesPerToken: Tensor,
  topKIndices: Tensor,
): ReduceCall {
  checkTensor('ffnOut', ffnOut);
  checkTensor('expertScalesFloat', expertScalesFloat, ffnOut.backend);
  checkTensor('permuteIndicesPerToken', permuteIndicesPerToken, ffnOut.backend);
  checkTensor('topKIndices', topKIndices, ffnOut.backend);
  checkDType('ffnOut', ffnOut.dtype, FLOAT_DTYPES);
  checkDType('expertScalesFloat', expertScalesFloat.dtype, ['float32']);
  checkDType('permuteIndicesPerToken', permuteIndicesPerToken.dtype, ['int32']);
  checkDType('topKIndices', topKIndices.dtype, ['int32']);
  if (expertScalesFloat.shape.length !== 2 || expertScalesFloat.shape[1] < 1) {
    throw invalidShape('expertScalesFloat', expertScalesFloat, 'rank 2 [tokens, topK]');
  }
  const [tokens, topK] = expertScalesFloat.shape;
  checkRows('expertScalesFloat', topK, tokens);
  checkExactShape('permuteIndicesPerToken', permuteIndicesPerToken, topK, tokens);
  checkExactShape('topKIndices', topKIndices, tokens, topK);
  if (ffnOut.shape.length !== 2 || ffnOut.shape[0] !== topK * tokens) {
    throw invalidShape('ffnOut', ffnOut, `[${topK * tokens}, hidden], a row for each token and choice`);
  }
  return {
    tokens,
    topK,
    hidden: ffnOut.shape[1],
    numExperts: 0,
    normTopkProb: false,
    routedScalingFactor: 1,
    ffnOut,
    expertScalesFloat,
    permuteIndicesPerToken,
    topKIndices,
    ffn2Bias: null,
    output: unset,
  };
}

function checkFactor(value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) return;
  throw invalid('INVALID_ARGUMENT', 'routedScalingFactor', describe(value), 'a finite number');
}

/** Checks the bias [E, D] or [E, 1, D] and returns E. */
function checkBias(bias: Tensor, call: ReduceCall): number {
  checkTensor('ffn2Bias', bias, call.ffnOut.backend);
  checkDType('ffn2Bias', bias.dtype, [call.ffnOut.dtype]);
  const { shape } = bias;
  const rows = shape.length === 2 || (shape.length === 3 && shape[1] === 1);
  if (!rows || shape[0] < 1 || shape[shape.length - 1] !== call.hidden) {
    throw invalidShape('ffn2Bias', bias, `[experts, ${call.hidden}] or [experts, 1, ${call.hidden}]`);
  }
  return shape[0];
}

const OVERLAP_NAMES = [
  'out',
  'ffnOut',
  'expertScalesFloat',
  'permuteIndicesPerToken',
  'topKIndices',
  'ffn2Bias',
];

function checkReduceOverlap(call: ReduceCall): void {
  const { output, ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias } = call;
  const tensors = [output, ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices];
  if (ffn2Bias !== null) tensors.push(ffn2Bias);
  checkOverlap(OVERLAP_NAMES, tensors, 1);
}
