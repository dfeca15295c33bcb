import { checkShape, elementCount } from './checks/shape.js';
import { type ArrayOf, checkArrayType, checkDType, DTYPES, type DType, type TensorData } from './dtypes.js';
import { disposedError, hasBrand, invalid, ResourceError } from './errors.js';
import type {
  DispatchCall,
  Kernels,
  PermuteCall,
  PlanCall,
  PrepareCall,
  ReduceCall,
  RouteCall,
} from './kernels.js';
import type { PreparedDispatch } from './prepared-dispatch.js';
import type { SkippedBackend } from './select-backend.js';
import { disposeSymbol, type Tensor, type WithDType } from './tensor.js';

// A registered symbol, so that backends built on another copy of core are recognised too.
const BACKEND_BRAND: unique symbol = Symbol.for('@moe-dispatch/core.backend') as never;

/** What a backend cannot exceed; a larger request throws LIMIT_EXCEEDED. */
export interface BackendLimits {
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** Largest number of experts. */
  readonly maxExperts: number;
  /** Further limits of the device, by its own names. */
  readonly [name: string]: number;
}

/** What a backend is and can do. */
export interface BackendInfo {
  /** Short name of the backend, e.g. `cpu`. */
  readonly name: string;
  /** The device it runs on, in words. */
  readonly device: string;
  /** The dtypes whose rows it moves. */
  readonly dtypes: readonly DType[];
  /** What it cannot exceed. */
  readonly limits: BackendLimits;
}

/** The memory that a backend holds at this moment. */
export interface MemoryUsage {
  /** Tensors not yet disposed, borrowed ones included. */
  liveTensors: number;
  /** Bytes of the live tensors that the backend owns. */
  liveBytes: number;
  /** Bytes of disposed tensors kept for reuse. */
  pooledBytes: number;
}

/**
 * One device that can hold tensors and dispatch tokens.
 *
 * Users call `tensor`, `empty`, `wrap`, `memory` and `dispose`, and pass tensors to moeDispatch and the other
 * operations. A backend author derives from this class and supplies the abstract members, which core calls
 * only with arguments it has checked (docs/writing-a-backend.md).
 *
 * `T` is the backend's tensor class, `N` what its `wrap` borrows, `O` the options of that.
 */
export abstract class Backend<T extends Tensor = Tensor, N = never, O extends object = object>
  implements Kernels<T>
{
  /** Name, device, dtypes and limits. */
  abstract readonly info: BackendInfo;
  /** The factories that selectBackend passed over before this one, and why. */
  readonly skipped: readonly SkippedBackend[] = [];
  private liveTensors = 0;
  private liveBytes = 0;
  private isDisposed = false;

  get [BACKEND_BRAND](): true {
    return true;
  }

  /**
   * Copies `data` into a new tensor.
   * @param data the dtype's own typed array (16-bit floats: `Uint16Array` of raw words, or `Float16Array`)
   *   with exactly as many elements as `shape`.
   * @throws InvalidArgumentError INVALID_ARGUMENT, INVALID_SHAPE, UNSUPPORTED_DTYPE; ResourceError
   *   LIMIT_EXCEEDED, OUT_OF_MEMORY.
   */
  tensor<D extends DType>(data: TensorData, shape: readonly number[], dtype: D): WithDType<T, D> {
    const sizes = this.checkNewTensor(shape, dtype);
    const values = checkData(data, dtype, elementCount(sizes));
    const tensor = this.allocate(sizes, dtype, byteLengthOf(sizes, dtype));
    this.upload(tensor, values);
    return tensor as never;
  }

  /** A new tensor of undefined content, to be an operation's `out`. Throws as `tensor` does. */
  empty<D extends DType>(shape: readonly number[], dtype: D): WithDType<T, D> {
    const sizes = this.checkNewTensor(shape, dtype);
    return this.allocate(sizes, dtype, byteLengthOf(sizes, dtype)) as never;
  }

  /**
   * Makes a tensor of memory that the caller owns, without a copy; disposing the tensor never frees it.
   * @throws as `tensor` does, and BUFFER_TOO_SMALL where `native` does not hold the shape.
   */
  wrap<D extends DType>(native: N, shape: readonly number[], dtype: D, options?: O): WithDType<T, D> {
    const sizes = this.checkNewTensor(shape, dtype);
    return this.adopt(native, sizes, dtype, byteLengthOf(sizes, dtype), options) as never;
  }

  /** Counts the tensors and bytes that are in use, and those kept for reuse. */
  memory(): MemoryUsage {
    return { liveTensors: this.liveTensors, liveBytes: this.liveBytes, pooledBytes: this.pooledBytes() };
  }

  /** Frees the memory that the backend keeps. Its tensors can no longer be used. Doing it twice is harmless. */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.shutdown();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }

  /** Throws BACKEND_DISPOSED after `dispose()`. A backend that can lose its device extends it. */
  checkUsable(): void {
    if (this.isDisposed) throw disposedError('BACKEND_DISPOSED', 'backend', `backend '${this.info.name}'`);
  }

  // ---- The contract with backend authors: core calls these, users do not. ----

  /** A tensor of undefined content. Throws OUT_OF_MEMORY where there is none left. */
  abstract allocate(shape: readonly number[], dtype: DType, byteLength: number): T;
  /** Copies `data`, which has exactly the tensor's elements, into it before any later operation. */
  abstract upload(tensor: T, data: ArrayOf<DType>): void;
  /** `wrap` after its general checks; throws INVALID_ARGUMENT or BUFFER_TOO_SMALL for a `native` that will not do. */
  abstract adopt(
    native: N,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    options: O | undefined,
  ): T;
  /** Bytes of disposed tensors that are kept for reuse. */
  abstract pooledBytes(): number;
  /** Frees everything; called once, by `dispose()`. */
  abstract shutdown(): void;
  /** Chooses the experts of each token: the first stage of a dispatch. */
  abstract route(call: RouteCall<T>): void;
  /** Counts the choices of each expert and gives each its row: the second stage. */
  abstract plan(call: PlanCall<T>): void;
  /** Copies rows of `x` to where the plan says: the third stage. */
  abstract permute(call: PermuteCall<T>): void;
  /** Sums each token's rows by their scales. */
  abstract reduce(call: ReduceCall<T>): void;
  /** Makes everything ahead for dispatches of one size. */
  abstract prepare(call: PrepareCall): PreparedDispatch<T>;

  /** The three stages in a row. A backend with something faster overrides it. */
  dispatch(call: DispatchCall<T>): void {
    this.route(call);
    this.plan(call);
    this.permute(call);
  }

  /** Book-keeping, called by the constructor of Tensor. */
  tensorCreated(tensor: Tensor): void {
    this.liveTensors += 1;
    if (!tensor.borrowed) this.liveBytes += tensor.byteLength;
  }

  /** Book-keeping, called by Tensor.dispose. */
  tensorDisposed(tensor: Tensor): void {
    this.liveTensors -= 1;
    if (!tensor.borrowed) this.liveBytes -= tensor.byteLength;
  }

  /** @returns a copy of the shape */
  private checkNewTensor(shape: readonly number[], dtype: DType): number[] {
    this.checkUsable();
    checkDType('dtype', dtype, this.info.dtypes);
    const sizes = checkShape('shape', shape);
    checkLimit('shape', 'maxTensorBytes', byteLengthOf(sizes, dtype), this);
    return sizes;
  }
}

/** Whether `value` is a backend, of this copy of core or any other in the process. */
export function isBackend(value: unknown): value is Backend {
  return hasBrand(value, BACKEND_BRAND);
}

/** Throws LIMIT_EXCEEDED, naming the limit, the request and the maximum. */
export function checkLimit(
  argument: string,
  limit: 'maxTensorBytes' | 'maxExperts',
  request: number,
  backend: Backend,
): void {
  const { limits } = backend.info;
  const maximum = limit === 'maxTensorBytes' ? limits.maxTensorBytes : limits.maxExperts;
  if (request > maximum) throw overLimit(argument, limit, request, maximum);
}

function overLimit(argument: string, limit: string, request: number, maximum: number): ResourceError {
  return new ResourceError('LIMIT_EXCEEDED', {
    argument,
    found: `a request of ${request}`,
    expected: `at most ${limit} = ${maximum}`,
  });
}

function byteLengthOf(shape: readonly number[], dtype: DType): number {
  return elementCount(shape) * DTYPES[dtype].bytes;
}

/** Checks `data` against dtype and element count; gives it as the dtype's own array, on the same memory. */
function checkData(data: TensorData, dtype: DType, elements: number): ArrayOf<DType> {
  checkArrayType('data', data, dtype);
  const { ArrayType } = DTYPES[dtype];
  const length = data.byteLength / DTYPES[dtype].bytes;
  // An empty array can have lost its memory.
  if (length === elements) {
    return length === 0 ? new ArrayType(0) : new ArrayType(data.buffer, data.byteOffset, length);
  }
  throw invalid('INVALID_SHAPE', 'data', `${length} elements`, `${elements} elements, as the shape says`);
}
