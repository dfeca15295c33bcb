import { checkShape, elementCount } from './checks/shape.js';
import { type ArrayOf, checkArrayType, checkDType, DTYPES, type DType, type TensorData } from './dtypes.js';
import { DisposedError, InvalidArgumentError, ResourceError } from './errors.js';
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
import type { Tensor } from './tensor.js';

// A registered symbol, so that backends built on another copy of core are recognised too.
const BACKEND_BRAND: unique symbol = Symbol.for('@moe-dispatch/core.backend') as never;

export interface BackendLimits {
  /** Largest tensor in bytes. */
  readonly maxTensorBytes: number;
  /** Largest number of experts. */
  readonly maxExperts: number;
  /** Further limits of the device, by its own names. */
  readonly [name: string]: number;
}

export interface BackendInfo {
  /** Short name of the backend, e.g. `cpu`. */
  readonly name: string;
  /** The device it runs on, in words. */
  readonly device: string;
  /** The dtypes whose rows it moves. */
  readonly dtypes: readonly DType[];
  readonly limits: BackendLimits;
}

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
  tensor(data: TensorData, shape: readonly number[], dtype: DType): T {
    const byteLength = this.checkNewTensor(shape, dtype);
    const values = checkData(data, dtype, elementCount(shape));
    const tensor = this.allocate([...shape], dtype, byteLength);
    this.upload(tensor, values);
    return tensor;
  }

  /** A new tensor of undefined content, to be an operation's `out`. Throws as `tensor` does. */
  empty(shape: readonly number[], dtype: DType): T {
    const byteLength = this.checkNewTensor(shape, dtype);
    return this.allocate([...shape], dtype, byteLength);
  }

  /**
   * Makes a tensor of memory that the caller owns, without a copy; disposing the tensor never frees it.
   * @throws as `tensor` does, and BUFFER_TOO_SMALL where `native` does not hold the shape.
   */
  wrap(native: N, shape: readonly number[], dtype: DType, options?: O): T {
    const byteLength = this.checkNewTensor(shape, dtype);
    return this.adopt(native, [...shape], dtype, byteLength, options);
  }

  memory(): MemoryUsage {
    return { liveTensors: this.liveTensors, liveBytes: this.liveBytes, pooledBytes: this.pooledBytes() };
  }

  /** Frees everything the backend holds. Its tensors can no longer be used. Doing it twice is harmless. */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.shutdown();
  }

  /** Throws BACKEND_DISPOSED after `dispose()`. A backend that can lose its device extends it. */
  checkUsable(): void {
    if (!this.isDisposed) return;
    const found = `the disposed backend '${this.info.name}'`;
    throw new DisposedError('BACKEND_DISPOSED', { argument: 'backend', found, expected: 'a live backend' });
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
  abstract pooledBytes(): number;
  abstract shutdown(): void;
  abstract route(call: RouteCall<T>): void;
  abstract plan(call: PlanCall<T>): void;
  abstract permute(call: PermuteCall<T>): void;
  abstract reduce(call: ReduceCall<T>): void;
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

  private checkNewTensor(shape: readonly number[], dtype: DType): number {
    this.checkUsable();
    checkDType('dtype', dtype, this.info.dtypes);
    checkShape('shape', shape);
    const byteLength = elementCount(shape) * DTYPES[dtype].bytes;
    checkLimit('shape', 'maxTensorBytes', byteLength, this);
    return byteLength;
  }
}

export function isBackend(value: unknown): value is Backend {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { [BACKEND_BRAND]?: unknown })[BACKEND_BRAND] === true
  );
}

/** Throws LIMIT_EXCEEDED, naming the limit, the request and the maximum. */
export function checkLimit(
  argument: string,
  limit: 'maxTensorBytes' | 'maxExperts',
  request: number,
  backend: Backend,
): void {
  const { info } = backend;
  const maximum = limit === 'maxTensorBytes' ? info.limits.maxTensorBytes : info.limits.maxExperts;
  if (request > maximum) throw overLimit(argument, limit, request, maximum, info);
}

function overLimit(
  argument: string,
  limit: string,
  request: number,
  maximum: number,
  info: BackendInfo,
): ResourceError {
  return new ResourceError('LIMIT_EXCEEDED', {
    argument,
    found: `a request of ${request}`,
    expected: `at most ${limit} = ${maximum} (backend ${info.name}, ${info.device})`,
  });
}

/** Checks `data` against dtype and element count; gives it as the dtype's own array, on the same memory. */
function checkData(data: TensorData, dtype: DType, elements: number): ArrayOf<DType> {
  checkArrayType('data', data, dtype);
  const { ArrayType } = DTYPES[dtype];
  const values = new ArrayType(data.buffer, data.byteOffset, data.byteLength / DTYPES[dtype].bytes);
  if (values.length === elements) return values;
  throw new InvalidArgumentError('INVALID_SHAPE', {
    argument: 'data',
    found: `${values.length} elements`,
    expected: `${elements} elements, as the shape says`,
  });
}
