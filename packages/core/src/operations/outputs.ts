import type { Backend } from '../backend.js';
import { checkOutput, newOutput } from '../checks/output.js';
import { checkObject } from '../checks/values.js';
import type { DType } from '../dtypes.js';
import type { PermuteCall, PlanCall, RouteCall } from '../kernels.js';
import type { Tensor, TensorClass, WithDType } from '../tensor.js';

/** What routeTokens gives. */
export interface RoutingTensors<T extends Tensor> {
  /** [T, K] int32: the chosen experts, best first (group mode: of group 0 first), distinct within a token. */
  readonly topKIndices: WithDType<T, 'int32'>;
  /** [T, K] float32: the weight of each choice. */
  readonly expertScalesFloat: WithDType<T, 'float32'>;
}

/** What planDispatch gives, and permuteRows and moeReduce follow. */
export interface DispatchPlan<T extends Tensor> {
  /** [E] int64: tokens assigned to each expert (counts, where Paddle's kernel stores their prefix sum). */
  readonly tokenNumsPerExpert: WithDType<T, 'int64'>;
  /** [E + 1] int32: expert e owns rows `expertOffsets[e]` to `expertOffsets[e + 1] - 1` of permuteInput. */
  readonly expertOffsets: WithDType<T, 'int32'>;
  /** [K, T] int32: the row of permuteInput that holds token t for its k-th choice. */
  readonly permuteIndicesPerToken: WithDType<T, 'int32'>;
}

/** What moeDispatch gives. */
export interface DispatchTensors<T extends Tensor> extends RoutingTensors<T>, DispatchPlan<T> {
  /** [K·T, D] of x's dtype: rows of x grouped by expert, by token index inside an expert. */
  readonly permuteInput: WithDType<T, T['dtype']>;
}

/** The caller's own tensors for results, by the names of the results. */
export type Out<R, T extends Tensor> = { readonly [Name in keyof R]: TensorClass<T> };

/** The results of routeTokens. */
export const ROUTING_OUTPUTS = ['expertScalesFloat', 'topKIndices'] as const;
/** The results of planDispatch. */
export const PLAN_OUTPUTS = ['tokenNumsPerExpert', 'expertOffsets', 'permuteIndicesPerToken'] as const;
/** The results of moeDispatch. */
export const DISPATCH_OUTPUTS = ['permuteInput', ...PLAN_OUTPUTS, ...ROUTING_OUTPUTS] as const;

/** Stands for a call's output until it is filled in. */
export const unset = undefined as never;

type AnyOut = { readonly [Name in (typeof DISPATCH_OUTPUTS)[number]]?: Tensor } | undefined;

/** Gives a RouteCall its outputs: the caller's after their checks, or new ones. */
export function fillRouting<T extends Tensor>(call: RouteCall<T>, backend: Backend<T>, out: AnyOut): void {
  const { tokens, topK } = call;
  call.expertScalesFloat = output(backend, out, 'expertScalesFloat', 'float32', tokens, topK);
  call.topKIndices = output(backend, out, 'topKIndices', 'int32', tokens, topK);
}

/** Gives a PlanCall its outputs. */
export function fillPlan<T extends Tensor>(call: PlanCall<T>, backend: Backend<T>, out: AnyOut): void {
  const { tokens, topK, numExperts } = call;
  call.tokenNumsPerExpert = output(backend, out, 'tokenNumsPerExpert', 'int64', numExperts);
  call.expertOffsets = output(backend, out, 'expertOffsets', 'int32', numExperts + 1);
  call.permuteIndicesPerToken = output(backend, out, 'permuteIndicesPerToken', 'int32', topK, tokens);
}

/** Gives a PermuteCall its output; for x of rank 1 it has rank 1 too. */
export function fillPermuted<T extends Tensor>(call: PermuteCall<T>, backend: Backend<T>, out: AnyOut): void {
  const { tokens, topK, hidden, x } = call;
  const columns = x.shape.length === 1 ? undefined : hidden;
  call.permuteInput = output(backend, out, 'permuteInput', x.dtype, topK * tokens, columns);
}

function output<T extends Tensor>(
  backend: Backend<T>,
  out: AnyOut,
  name: (typeof DISPATCH_OUTPUTS)[number],
  dtype: DType,
  rows: number,
  columns?: number,
): T {
  if (out === undefined) return newOutput(backend, name, dtype, rows, columns);
  return checkOutput(backend, OUT_NAMES[name], out[name], dtype, rows, columns);
}

/** How errors name the caller's tensors. */
export const OUT_NAMES = Object.fromEntries(DISPATCH_OUTPUTS.map((name) => [name, `out.${name}`])) as {
  readonly [Name in (typeof DISPATCH_OUTPUTS)[number]]: string;
};

/** Runs `work`; should it throw, frees the named outputs of `call`, unless they are the caller's. */
export function freeOnFailure<Name extends string>(
  call: { [N in Name]: Tensor | undefined },
  names: readonly Name[],
  out: object | undefined,
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    if (out === undefined) for (const name of names) call[name]?.dispose();
    throw error;
  }
}

/** Throws INVALID_ARGUMENT unless `out` is left out or can hold tensors. */
export function checkOut(out: unknown): void {
  if (out !== undefined) checkObject('out', out, 'an object of tensors, named as in the result');
}
