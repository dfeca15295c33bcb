import type { Backend } from '../backend.js';
import { checkLimit } from '../checks/limit.js';
import { invalidShape, tokenCount, width } from '../checks/shape.js';
import { checkRows, checkTopK } from '../checks/sizes.js';
import { checkDType, FLOAT_DTYPES } from '../dtypes.js';
import { invalid } from '../errors.js';
import { checkTensor, type Tensor } from '../tensor.js';
import type { AnyCall } from './call.js';
import {
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  TENSORS,
  type TensorEntry,
  type TensorName,
} from './table.js';

/** How errors name the tensors of a call. */
export type ArgumentNames = { readonly [Name in TensorName]: string };

/** A call, perhaps not checked yet, and what checks need beside it. */
export interface Request {
  readonly call: AnyCall;
  readonly backend: Backend;
  readonly names: ArgumentNames;
}

/**
 * A request on the backend of the operation's first input, with its inputs checked.
 * @param options has the tensors that are given by name.
 */
export function checkedRequest(
  operation: OperationName,
  call: AnyCall,
  names: ArgumentNames,
  options: object = {},
): Request {
  const { inputs, named }: OperationEntry = OPERATIONS[operation];
  const first = inputs[0];
  const tensor = call[first];
  checkTensor(names[first], tensor);
  const tensors: TensorName[] = [];
  for (const name of named) {
    call[name] = (options as AnyCall)[name] ?? null;
    if (call[name] !== null) tensors.push(name);
  }
  call.tensors = tensors;
  const request = { call, backend: tensor.backend, names };
  CHECK_INPUTS[operation](request);
  return request;
}

/**
 * Checks an operation's inputs, each a tensor of the backend, and writes the sizes and the dtype that they tell into the
 * call. Allocates nothing, because prepared operations go through it too.
 */
export const CHECK_INPUTS: { readonly [Op in OperationName]: (request: Request) => void } = {
  moeDispatch(request) {
    const { call, names } = request;
    const x = rowsOf(request, 'x');
    const tokens = tokenCount(names.x, x);
    CHECK_INPUTS.routeTokens(request);
    checkSameTokens(names.gatingOutput, call.tokens, tokens, 'x');
  },

  routeTokens(request) {
    const { call, names } = request;
    const gating = tensorOf(request, 'gatingOutput');
    call.gatingDtype = gating.dtype;
    call.tokens = tokenCount(names.gatingOutput, gating);
    call.numExperts = width(gating);
    call.sharedExperts = call.sharedLogits !== null ? checkShared(request) : 0;
    if (call.numExperts < 1) throw invalidShape(names.gatingOutput, gating, 'at least one expert');
  },

  planDispatch(request) {
    const { shape } = choicesOf(request, 'topKIndices', '[tokens, topK]');
    request.call.tokens = shape[0];
    request.call.topK = shape[1];
  },

  permuteRows(request) {
    const { call, names } = request;
    const x = rowsOf(request, 'x');
    const map = choicesOf(request, 'permuteIndicesPerToken', '[topK, tokens]');
    call.topK = map.shape[0];
    if (call.topK < 1) throw invalidShape(names.permuteIndicesPerToken, map, 'at least one choice');
    const vector = x.shape.length === 1;
    if (vector) call.hidden = 1;
    call.tokens = vector ? x.shape[0] : tokenCount(names.x, x);
    checkSameTokens(names.x, call.tokens, map.shape[1], 'the plan');
    checkRows(names.permuteIndicesPerToken, call.topK, call.tokens);
  },

  moeReduce(request) {
    const { call, names } = request;
    const ffnOut = rowsOf(request, 'ffnOut');
    checkDType(names.ffnOut, ffnOut.dtype, FLOAT_DTYPES);
    const scales = choicesOf(request, 'expertScalesFloat', '[tokens, topK]');
    const tokens = scales.shape[0];
    const topK = scales.shape[1];
    if (topK < 1) throw invalidShape(names.expertScalesFloat, scales, 'at least one choice');
    checkRows(names.expertScalesFloat, topK, tokens);
    checkMatrix(request, 'permuteIndicesPerToken', topK, tokens);
    checkMatrix(request, 'topKIndices', tokens, topK);
    if (ffnOut.shape.length !== 2 || ffnOut.shape[0] !== topK * tokens) {
      const expected = `[${topK * tokens}, hidden]`;
      throw invalidShape(names.ffnOut, ffnOut, expected);
    }
    call.tokens = tokens;
    call.topK = topK;
    call.numExperts = checkBias(request);
  },
};

/** Checks K, and that the backend takes so many experts. */
export function checkExperts(
  topK: unknown,
  { call: { numExperts, tokens }, backend }: Request,
  topKName: string,
  expertsName: string,
): void {
  const { limits } = backend.info;
  checkTopK(topKName, topK, numExperts, limits);
  checkRows(topKName, topK, tokens);
  checkLimit(expertsName, 'maxExperts', numExperts, limits);
}

/** A tensor of the call, of the dtype that the table says. */
function tensorOf({ call, backend, names }: Request, name: TensorName): Tensor {
  const tensor = call[name];
  checkTensor(names[name], tensor, backend);
  const { dtype }: TensorEntry = TENSORS[name];
  if (dtype === 'gating') checkDType(names[name], tensor.dtype, FLOAT_DTYPES);
  else if (dtype !== 'rows' && dtype !== tensor.dtype) checkDType(names[name], tensor.dtype, [dtype]);
  return tensor;
}

/** The tensor whose rows are moved or summed. */
function rowsOf(request: Request, name: TensorName): Tensor {
  const tensor = tensorOf(request, name);
  request.call.dtype = tensor.dtype;
  request.call.hidden = width(tensor);
  return tensor;
}

/** A tensor with an element for each choice. */
function choicesOf(request: Request, name: TensorName, expected: string): Tensor {
  const tensor = tensorOf(request, name);
  if (tensor.shape.length !== 2) throw invalidShape(request.names[name], tensor, expected);
  return tensor;
}

/** Checks sharedLogits [T, S] and returns S. */
function checkShared(request: Request): number {
  const logits = choicesOf(request, 'sharedLogits', '[tokens, shared]');
  const shared = logits.shape[1];
  if (shared < 1) throw invalidShape(request.names.sharedLogits, logits, 'at least one shared expert');
  return shared;
}

/** Checks the bias [E, D] or [E, 1, D] and returns E; 0 without one. */
function checkBias(request: Request): number {
  const { call, names } = request;
  if (call.ffn2Bias === null) return 0;
  const bias = tensorOf(request, 'ffn2Bias');
  if (bias.dtype !== call.dtype) checkDType(names.ffn2Bias, bias.dtype, [call.dtype]);
  const { shape } = bias;
  const matrix = shape.length === 2 || (shape.length === 3 && shape[1] === 1);
  if (!matrix || shape[0] < 1 || width(bias) !== call.hidden) {
    throw invalidShape(names.ffn2Bias, bias, `[experts, ${call.hidden}] or [experts, 1, ${call.hidden}]`);
  }
  return shape[0];
}

function checkMatrix(request: Request, name: TensorName, rows: number, columns: number): void {
  const tensor = tensorOf(request, name);
  const { shape } = tensor;
  if (shape.length === 2 && shape[0] === rows && shape[1] === columns) return;
  throw invalidShape(request.names[name], tensor, `[${rows}, ${columns}]`);
}

function checkSameTokens(argument: string, tokens: number, expected: number, other: string): void {
  if (tokens === expected) return;
  throw invalid('TOKEN_COUNT_MISMATCH', argument, `${tokens} tokens`, `${expected} tokens, as ${other} has`);
}
