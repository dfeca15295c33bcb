/**
 * What backend authors, and tools around backends, need beside `@moe-dispatch/core`: the contract, the table of
 * operations, and the checks that core itself uses.
 * @module @moe-dispatch/core/backend
 */
export { checkBackend, checkUsable, contractOf } from './backend.js';
export { checkLimit } from './checks/limit.js';
export { readOptions, readProperties } from './checks/options.js';
export { byteLengthOf, elementCount } from './checks/shape.js';
export { checkBoolean, checkObject, checkSize } from './checks/values.js';
export type { BackendContract, BackendLimits, Operations } from './contract.js';
export { checkArrayType, checkDType, FLOAT_DTYPES, viewOf } from './dtypes.js';
export { describe, invalid } from './errors.js';
export { bfloat16FromBits, bitsFromFloat16, float16FromBits } from './float-conversion.js';
export type { LedgerEntry } from './ledger.js';
export type { Attributes, Call, OutputName, Spec } from './operations/call.js';
export { tensorDType, tensorNames, tensorShape } from './operations/perform.js';
export { ROUTER_DEFAULTS } from './operations/read-router.js';
export {
  ATTRIBUTES,
  type AttributeName,
  OPERATIONS,
  type OperationEntry,
  type OperationName,
  ROUTER_TENSORS,
  type RouterTensorName,
  type ShapeSizes,
  type Sizes,
  STAGES,
  TENSORS,
  type TensorEntry,
  type TensorName,
} from './operations/table.js';
export {
  DROP_POLICIES,
  type DropPolicy,
  GROUP_SCORE_FUNCS,
  type GroupScoreFunc,
  type RouterAttributes,
  SCORING_FUNCS,
  type ScoringFunc,
  SELECTIONS,
  type Selection,
  ZERO_EXPERT_KINDS,
  type ZeroExpertKind,
} from './router.js';
export { checkTensor, disposeSymbol, type TensorSpec } from './tensor.js';
