import type { Backend } from './backend.js';
import type { ArrayOf, DType } from './dtypes.js';
import type { Call, Spec } from './operations/call.js';
import type { OperationName } from './operations/table.js';
import type { Prepared } from './prepared.js';
import type { Tensor, TensorSpec } from './tensor.js';

/** What a backend cannot exceed; a larger request throws LIMIT_EXCEEDED. */
export interface BackendLimits {
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** Largest number of experts. */
  readonly maxExperts: number;
  /** Largest number of choices per token. Default: the number of experts. */
  readonly maxTopK?: number;
  /** Further limits of the device, by its own names. */
  readonly [name: string]: number | undefined;
}

/** The operations that a backend implements, by name. Core calls them with checked arguments only. */
export type Operations<T extends Tensor> = {
  readonly [Op in OperationName]?: (call: Call<Op, T>) => void;
};

/**
 * What a backend author writes, and all that core asks of a backend (docs/writing-a-backend.md). What is declared here is
 * what the backend claims: an absent operation throws UNSUPPORTED_OPERATION, and the suite does not ask for it.
 *
 * `T` is the backend's tensor class, `N` what its `wrap` borrows.
 */
export interface BackendContract<T extends Tensor = Tensor, N = never> {
  /** Short name, e.g. `cpu`. */
  readonly name: string;
  /** The device it runs on, in words. */
  readonly device: string;
  /** The dtypes whose rows it moves; float32, int32 and int64 among them. */
  readonly dtypes: readonly DType[];
  readonly limits: BackendLimits;
  /** Whether every float is the one that docs/semantics.md defines, to the last bit. Default true. */
  readonly exact?: boolean;
  /** Each issues its work and returns. */
  readonly operations: Operations<T>;

  /** A tensor of undefined content: pass `spec` to its base class. Throws OUT_OF_MEMORY if no memory is left. */
  allocate(spec: TensorSpec): T;
  /** Copies `data`, which has exactly the tensor's elements, into it before any later operation. */
  upload(tensor: T, data: ArrayOf<DType>): void;
  /**
   * A tensor in the caller's memory, from `byteOffset` bytes on, a multiple of the dtype's size. Throws INVALID_ARGUMENT
   * or BUFFER_TOO_SMALL if `native` does not fit. Without it `wrap` throws UNSUPPORTED_OPERATION.
   */
  adopt?(native: N, spec: TensorSpec, byteOffset: number): T;
  /** Preallocates workspace and precompiles kernels. Without it a prepared operation does what a call does. */
  prepare?<Op extends OperationName>(backend: Backend<T, N>, operation: Op, spec: Spec<Op>): Prepared<Op, T>;
  /** Bytes of disposed tensors that are kept for reuse. Default 0. */
  pooledBytes?(): number;
  /** Throws, e.g. DEVICE_LOST, if the backend can no longer work. */
  checkUsable?(): void;
  /** Frees everything; called once, by `dispose()`. */
  shutdown?(): void;
}
