import type { Tensor, WithDType } from '../tensor.js';
import type { Results } from './perform.js';

/** What routeTokens returns. */
export interface RoutingTensors<T extends Tensor> {
  /** [T, K] int32: the chosen experts, best first (with groupMoe: of group 0 first), distinct within a token. */
  readonly topKIndices: WithDType<T, 'int32'>;
  /** [T, K] float32: the weight of each choice. */
  readonly expertScalesFloat: WithDType<T, 'float32'>;
}

/** What planDispatch returns; permuteRows and moeReduce follow it. */
export interface DispatchPlan<T extends Tensor> {
  /** [E] int64: tokens assigned to each expert: counts, not their prefix sum as Paddle's kernel stores. */
  readonly tokenNumsPerExpert: WithDType<T, 'int64'>;
  /** [E + 1] int32: expert e owns rows `expertOffsets[e]` to `expertOffsets[e + 1] - 1` of permuteInput. */
  readonly expertOffsets: WithDType<T, 'int32'>;
  /** [K, T] int32: the row of permuteInput that holds token t for its k-th choice. */
  readonly permuteIndicesPerToken: WithDType<T, 'int32'>;
}

/** What moeDispatch returns. */
export interface DispatchTensors<T extends Tensor> extends RoutingTensors<T>, DispatchPlan<T> {
  /** [K·T, D] of x's dtype: rows of x grouped by expert, by token index inside an expert. */
  readonly permuteInput: T;
}

/** The results of routeTokens. `dispose()` disposes both. */
export interface RoutingResult<T extends Tensor> extends RoutingTensors<T>, Results {}
/** The results of planDispatch. `dispose()` disposes all three. */
export interface PlanResult<T extends Tensor> extends DispatchPlan<T>, Results {}
/** The results of moeDispatch. `dispose()` disposes all six. */
export interface DispatchResult<T extends Tensor> extends DispatchTensors<T>, Results {}
