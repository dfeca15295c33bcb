import type { Backend } from '../backend.js';
import { checkLimit } from '../checks/limit.js';
import { checkExactShape, invalidShape, tokenCount, width } from '../checks/shape.js';
import { checkRows, checkTopK } from '../checks/sizes.js';
import { checkDType, FLOAT_DTYPES } from '../dtypes.js';
import { invalid } from '../errors.js';
import { checkTensor, type Tensor } from '../tensor.js';
import type { AnyCall } from './call.js';
import { type OperationName, TENSORS, type TensorEntry, type TensorName } from './table.js';

/** How errors name a tensor of a call. */
export type ArgumentNames = (tensor: TensorName) => string;

/**
 * Checks an operation's inputs, each a tensor of the backend, and writes the sizes and the dtype that they tell into the
 * call. Allocates nothing, because prepared operations go through it too.
 */
export type CheckInputs = (call: AnyCall, backend: Backend, nameOf: ArgumentNames) => void;

export const CHECK_INPUTS: { readonly [Op in OperationName]: CheckInputs } = {
  moeDispatch(call, backend, nameOf) {
    const x = rowsOf(call, 'x', backend, nameOf);
    const tokens = tokenCount(nameOf('x'), x);
    CHECK_INPUTS.routeTokens(call, backend, nameOf);
    checkSameTokens(nameOf('gatingOutput'), call.gatingOutput!, call.tokens, tokens, 'x');
  },

  routeTokens(call, backend, nameOf) {
    const gating = tensorOf(call, 'gatingOutput', backend, nameOf);
    const argument = nameOf('gatingOutput');
    call.tokens = tokenCount(argument, gating);
    call.numExperts = width(gating);
    if (call.numExperts < 1) throw invalidShape(argument, gating, 'at least one expert');
  },

  planDispatch(call, backend, nameOf) {
    const { shape } = choicesOf(call, 'topKIndices', backend, nameOf, '[tokens, topK]');
    call.tokens = shape[0];
    call.topK = shape[1];
  },

  permuteRows(call, backend, nameOf) {
    const x = rowsOf(call, 'x', backend, nameOf);
    const name = 'permuteIndicesPerToken';
    const { shape } = choicesOf(call, name, backend, nameOf, '[topK, tokens]');
    if (shape[0] < 1) throw invalidShape(nameOf(name), call[name]!, 'at least one choice');
    const vector = x.shape.length === 1;
    if (vector) call.hidden = 1;
    call.topK = shape[0];
    call.tokens = vector ? x.shape[0] : tokenCount(nameOf('x'), x);
    checkSameTokens(nameOf('x'), x, call.tokens, shape[1], 'the plan');
    checkRows(nameOf(name), call.topK, call.tokens);
  },

  moeReduce(call, backend, nameOf) {
    const ffnOut = rowsOf(call, 'ffnOut', backend, nameOf);
    checkDType(nameOf('ffnOut'), ffnOut.dtype, FLOAT_DTYPES);
    const { shape } = choicesOf(call, 'expertScalesFloat', backend, nameOf, '[tokens, topK]');
    const tokens = shape[0];
    const topK = shape[1];
    if (topK < 1)
      throw invalidShape(nameOf('expertScalesFloat'), call.expertScalesFloat!, 'at least one choice');
    checkRows(nameOf('expertScalesFloat'), topK, tokens);
    const map = tensorOf(call, 'permuteIndicesPerToken', backend, nameOf);
    checkMatrix(nameOf('permuteIndicesPerToken'), map, topK, tokens);
    checkMatrix(nameOf('topKIndices'), tensorOf(call, 'topKIndices', backend, nameOf), tokens, topK);
    if (ffnOut.shape.length !== 2 || ffnOut.shape[0] !== topK * tokens) {
      throw invalidShape(
        nameOf('ffnOut'),
        ffnOut,
        `[${topK * tokens}, hidden], a row for each token and choice`,
      );
    }
    call.tokens = tokens;
    call.topK = topK;
    call.numExperts = checkBias(call, backend, nameOf);
  },
};

/** The options that the sizes of a call allow: K, and the experts that the backend takes. */
export function checkExperts(
  topK: unknown,
  numExperts: number,
  tokens: number,
  backend: Backend,
  names: { topK: string; experts: string },
): void {
  const { limits } = backend.info;
  checkTopK(names.topK, topK, numExperts, limits);
  checkRows(names.topK, topK, tokens);
  checkLimit(names.experts, 'maxExperts', numExperts, limits);
}

/** A tensor of the call, of the dtype that the table says. */
function tensorOf(call: AnyCall, name: TensorName, backend: Backend, nameOf: ArgumentNames): Tensor {
  const tensor = call[name];
  checkTensor(nameOf(name), tensor, backend);
  const { dtype }: TensorEntry = TENSORS[name];
  if (dtype !== 'rows' && dtype !== tensor.dtype) checkDType(nameOf(name), tensor.dtype, [dtype]);
  return tensor;
}

/** The tensor whose rows are moved or summed. */
function rowsOf(call: AnyCall, name: TensorName, backend: Backend, nameOf: ArgumentNames): Tensor {
  const tensor = tensorOf(call, name, backend, nameOf);
  call.dtype = tensor.dtype;
  call.hidden = width(tensor);
  return tensor;
}

/** A tensor with an element for each choice. */
function choicesOf(
  call: AnyCall,
  name: TensorName,
  backend: Backend,
  nameOf: ArgumentNames,
  expected: string,
): Tensor {
  const tensor = tensorOf(call, name, backend, nameOf);
  if (tensor.shape.length !== 2) throw invalidShape(nameOf(name), tensor, expected);
  return tensor;
}

/** Checks the bias [E, D] or [E, 1, D] and returns E; 0 without one. */
function checkBias(call: AnyCall, backend: Backend, nameOf: ArgumentNames): number {
  if (call.ffn2Bias === null || call.ffn2Bias === undefined) return 0;
  const argument = nameOf('ffn2Bias');
  const bias = tensorOf(call, 'ffn2Bias', backend, nameOf);
  if (bias.dtype !== call.dtype) checkDType(argument, bias.dtype, [call.dtype]);
  const { shape } = bias;
  const matrix = shape.length === 2 || (shape.length === 3 && shape[1] === 1);
  if (!matrix || shape[0] < 1 || width(bias) !== call.hidden) {
    throw invalidShape(argument, bias, `[experts, ${call.hidden}] or [experts, 1, ${call.hidden}]`);
  }
  return shape[0];
}

function checkMatrix(argument: string, tensor: Tensor, rows: number, columns: number): void {
  const { shape } = tensor;
  if (shape.length === 2 && shape[0] === rows && shape[1] === columns) return;
  checkExactShape(argument, tensor, [rows, columns]);
}

function checkSameTokens(
  argument: string,
  tensor: Tensor,
  tokens: number,
  expected: number,
  other: string,
): void {
  if (tokens === expected) return;
  throw invalid(
    'TOKEN_COUNT_MISMATCH',
    argument,
    `${tokens} tokens, shape [${tensor.shape.join(', ')}]`,
    `${expected} tokens, as ${other} has`,
  );
}
