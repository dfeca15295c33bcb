import type { DType } from '@moe-dispatch/core';
import type { AttributeName, OperationName, TensorName } from '@moe-dispatch/core/backend';
import type { Level } from '../levels/levels.js';

/*
 * What the suite and a backend in another process say to each other (docs/protocol.md, protocol.schema.json). Each message
 * is a line of JSON and the bytes of the tensors that it lists.
 */

export const PROTOCOL = 'moe-conformance';
export const PROTOCOL_VERSION = 1;

/** The first message of the backend: what it is, and all that it claims. */
export interface Hello {
  readonly protocol: typeof PROTOCOL;
  readonly version: typeof PROTOCOL_VERSION;
  readonly name: string;
  readonly device: string;
  readonly operations: readonly OperationName[];
  /** The dtypes whose rows it moves, and those of results: float32, int32 and int64 among them. */
  readonly dtypes: readonly DType[];
  /** Default: no fewer experts and choices than the suite asks for. */
  readonly limits?: {
    readonly maxExperts?: number;
    readonly maxTopK?: number;
    readonly maxTensorBytes?: number;
  };
  /** Default true. */
  readonly exact?: boolean;
  /** docs/levels.md; `exact` follows from it. */
  readonly level?: Level;
}

/** A tensor whose bytes follow the line, row-major and little-endian. */
export interface TensorHeader {
  readonly name: TensorName;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What an operation is told beside a router and tensors. */
export interface RequestAttributes extends Partial<Record<AttributeName, boolean | number>> {
  readonly numExperts?: number;
  readonly zeroExperts?: number;
}

/** A call of one operation. */
export interface Request {
  /** Counts from 1. The reply repeats it. */
  readonly id: number;
  readonly operation: OperationName;
  /** Of moeDispatch and routeTokens: docs/routers.md, without what is as by default. */
  readonly router?: object;
  /** Of the other operations. */
  readonly attributes?: RequestAttributes;
  readonly inputs: readonly TensorHeader[];
  /** What the reply must hold, in any order. */
  readonly outputs: readonly TensorHeader[];
}

/** The answer to a request. */
export type Reply =
  | { readonly id: number; readonly outputs: readonly TensorHeader[] }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };
