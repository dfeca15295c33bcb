/**
 * Tensors, operations, argument checks and errors of Mixture-of-Experts dispatch, and the contract with backends.
 * @module @moe-dispatch/core
 */
export {
  Backend,
  type BackendInfo,
  type BackendLimits,
  isBackend,
  type MemoryUsage,
} from './backend.js';
export type { RoutingOptions } from './checks/routing.js';
export { checkBoolean, checkObject } from './checks/values.js';
export {
  type ArrayOf,
  checkArrayType,
  DTYPES,
  type DType,
  type DTypeInfo,
  type FloatDType,
  type TensorData,
} from './dtypes.js';
export {
  BackendUnavailableError,
  DeviceError,
  DisposedError,
  type ErrorCode,
  type ErrorDetails,
  InvalidArgumentError,
  invalid,
  isMoeDispatchError,
  MoeDispatchError,
  ResourceError,
} from './errors.js';
export {
  bfloat16FromBits,
  bfloat16ToFloat32,
  bitsFromFloat16,
  float16FromBits,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './float-conversion.js';
export type {
  DispatchCall,
  Kernels,
  PermuteCall,
  PlanCall,
  PrepareCall,
  ReduceCall,
  RouteCall,
  Routing,
} from './kernels.js';
export { DispatchResult, type MoeDispatchOptions, moeDispatch } from './operations/moe-dispatch.js';
export { type MoeReduceOptions, moeReduce } from './operations/moe-reduce.js';
export type { DispatchPlan, DispatchTensors, Out, RoutingTensors } from './operations/outputs.js';
export {
  type PrepareDispatchOptions,
  type Preparing,
  prepareDispatch,
} from './operations/prepare-dispatch.js';
export { permuteRows, planDispatch, routeTokens } from './operations/stages.js';
export { PreparedDispatch } from './prepared-dispatch.js';
export { type BackendFactory, type SkippedBackend, selectBackend } from './select-backend.js';
export { checkTensor, isTensor, Tensor, type TensorClass, type WithDType } from './tensor.js';
