import type { DType } from './dtypes.js';
import type { PreparedDispatch } from './prepared-dispatch.js';
import type { Tensor } from './tensor.js';

/**
 * How experts are chosen and what their scales are (docs/semantics.md, "Choosing experts" and "Scales").
 * `topk-only` covers `topkOnlyMode` with and without `groupMoe`, because it wins over the group for the choice.
 */
export type Routing = 'softmax' | 'group' | 'topk-only';

/** gating [T, E] float32 → topKIndices [T, K] int32, expertScalesFloat [T, K] float32. */
export interface RouteCall<T extends Tensor = Tensor> {
  routing: Routing;
  tokens: number;
  numExperts: number;
  topK: number;
  gating: T;
  topKIndices: T;
  expertScalesFloat: T;
}

/** topKIndices [T, K] int32 → counts [E] int64, offsets [E+1] int32, inverse map [K, T] int32. */
export interface PlanCall<T extends Tensor = Tensor> {
  tokens: number;
  numExperts: number;
  topK: number;
  topKIndices: T;
  tokenNumsPerExpert: T;
  expertOffsets: T;
  permuteIndicesPerToken: T;
}

/** x [T, hidden] → permuteInput [K·T, hidden], moved as bytes along the inverse map [K, T]. */
export interface PermuteCall<T extends Tensor = Tensor> {
  tokens: number;
  topK: number;
  /** Elements in a row of `x`. */
  hidden: number;
  x: T;
  permuteIndicesPerToken: T;
  permuteInput: T;
}

/** The whole of moe_dispatch: one object that is also the call of each of its stages. */
export interface DispatchCall<T extends Tensor = Tensor> extends RouteCall<T>, PlanCall<T>, PermuteCall<T> {}

/** ffnOut [K·T, hidden] → output [T, hidden], both of one float dtype. */
export interface ReduceCall<T extends Tensor = Tensor> {
  tokens: number;
  topK: number;
  hidden: number;
  /** Rows of `ffn2Bias`; 0 without a bias. */
  numExperts: number;
  normTopkProb: boolean;
  routedScalingFactor: number;
  ffnOut: T;
  expertScalesFloat: T;
  permuteIndicesPerToken: T;
  topKIndices: T;
  ffn2Bias: T | null;
  output: T;
}

/** What a prepared dispatch is made for. */
export interface PrepareCall {
  routing: Routing;
  tokens: number;
  hidden: number;
  numExperts: number;
  topK: number;
  dtype: DType;
}

/**
 * The compute half of the backend contract. Core calls these with arguments it has checked (shapes, dtypes,
 * owner, overlap, limits); a backend computes, nothing else. Each issues its work and returns.
 */
export interface Kernels<T extends Tensor = Tensor> {
  /** Chooses the experts of each token. */
  route(call: RouteCall<T>): void;
  /** Counts the choices of each expert and gives each choice its row. */
  plan(call: PlanCall<T>): void;
  /** Copies rows of `x` to where the plan says. */
  permute(call: PermuteCall<T>): void;
  /** The three stages at once, to the same bytes. */
  dispatch(call: DispatchCall<T>): void;
  /** Sums each token's rows by their scales. */
  reduce(call: ReduceCall<T>): void;
  /** Makes everything ahead for dispatches of one size. */
  prepare(call: PrepareCall): PreparedDispatch<T>;
}
