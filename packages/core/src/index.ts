/**
 * Tensors, operations and errors of Mixture-of-Experts dispatch: what users call. `@moe-dispatch/core/backend` has what
 * backend authors need.
 * @module @moe-dispatch/core
 */
export { Backend, type BackendInfo, isBackend, type MemoryUsage, type WrapOptions } from './backend.js';
export type { BackendLimits } from './contract.js';
export { type ArrayOf, DTYPES, type DType, type DTypeInfo, type FloatDType } from './dtypes.js';
export {
  BackendUnavailableError,
  DeviceError,
  DisposedError,
  type ErrorCode,
  type ErrorDetails,
  InvalidArgumentError,
  isMoeDispatchError,
  MoeDispatchError,
  ResourceError,
} from './errors.js';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './float-conversion.js';
export type { NamedTensors, Outputs, RunArguments } from './operations/call.js';
export { type MoeDispatchOptions, moeDispatch } from './operations/moe-dispatch.js';
export { type Dispatched, type MoeReduceOptions, moeReduce } from './operations/moe-reduce.js';
export type { Results } from './operations/perform.js';
export { type PermuteRowsOptions, permuteRows } from './operations/permute-rows.js';
export { type PlanDispatchOptions, planDispatch } from './operations/plan-dispatch.js';
export {
  type PrepareDispatchOptions,
  type PreparedOf,
  type PrepareOptions,
  type PreparePermuteOptions,
  type PreparePlanOptions,
  type PrepareReduceOptions,
  type PrepareRoutingOptions,
  prepare,
  prepareDispatch,
} from './operations/prepare.js';
export type {
  DispatchPlan,
  DispatchResult,
  DispatchTensors,
  PlanResult,
  RoutingResult,
  RoutingTensors,
} from './operations/results.js';
export { type RouteTokensOptions, routeTokens } from './operations/route-tokens.js';
export type { RouterTensors, RoutingOptions } from './operations/routing-options.js';
export type { OperationName, RouterTensorName } from './operations/table.js';
export { Prepared, type PreparedOutputs } from './prepared.js';
export type { PaddleRouterOptions, Router, RouterOptions } from './router.js';
export { type AnyOf, type BackendFactory, type SkippedBackend, selectBackend } from './select-backend.js';
export { isTensor, Tensor, type TensorClass, type WithDType } from './tensor.js';
export type { DataOf, DTypeOf, InferableArray, NumberArray } from './tensor-data.js';
