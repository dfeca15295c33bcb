import { checkLimit } from './checks/limit.js';
import { readOptions } from './checks/options.js';
import { byteLengthOf, checkShape } from './checks/shape.js';
import { checkSize } from './checks/values.js';
import type { BackendContract, BackendLimits } from './contract.js';
import { checkDType, DTYPES, type DType } from './dtypes.js';
import { disposedError, hasBrand, invalidArgument, unsupported } from './errors.js';
import { type Ledger, LedgerEntry } from './ledger.js';
import { OPERATIONS, type OperationName, STAGES } from './operations/table.js';
import type { Prepared } from './prepared.js';
import type { SkippedBackend } from './select-backend.js';
import { disposeSymbol, type Tensor, type TensorSpec, type WithDType } from './tensor.js';
import {
  type DataOf,
  type DTypeOf,
  type InferableArray,
  type NumberArray,
  readTensorData,
} from './tensor-data.js';

// A registered symbol, so that backends built on another copy of core are recognised too.
const STATE: unique symbol = Symbol.for('@moe-dispatch/core.backend') as never;

/** What a backend is and can do: all that it claims. */
export interface BackendInfo {
  /** Short name of the backend, e.g. `cpu`. */
  readonly name: string;
  /** The device it runs on, in words. */
  readonly device: string;
  /** The dtypes whose rows it moves. */
  readonly dtypes: readonly DType[];
  /** What it cannot exceed. */
  readonly limits: BackendLimits;
  /** The operations that it implements. */
  readonly operations: readonly OperationName[];
  /** Whether `wrap` works. */
  readonly wrap: boolean;
  /** Whether every float is the one that docs/semantics.md defines, to the last bit. */
  readonly exact: boolean;
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

/** Where a wrapped tensor starts. */
export interface WrapOptions {
  /** Bytes into the memory, a multiple of the dtype's size. Default 0. */
  byteOffset?: number | undefined;
}

/** What core and backends use of a backend, and users do not. */
interface State {
  /** Typed without `T` and `N`, so that a backend of one tensor class is one of Tensor. */
  readonly contract: BackendContract<Tensor, unknown>;
  readonly ledger: Ledger;
  disposed: boolean;
}

/**
 * One device that can hold tensors and dispatch tokens. Pass its tensors to moeDispatch and the other operations.
 *
 * `T` is the backend's tensor class, `N` what its `wrap` borrows.
 */
export class Backend<T extends Tensor = Tensor, N = never> {
  /** Name, device, dtypes, operations and limits. */
  readonly info: BackendInfo;
  /** The factories that selectBackend tried before this one, and why each failed. */
  readonly skipped: readonly SkippedBackend[] = [];
  /** For types alone: the class of each prepared operation. */
  declare readonly preparedTypes?: { readonly [Op in OperationName]: Prepared<Op, T> };
  readonly #state: State;

  /** @param contract what the backend's author wrote */
  constructor(contract: BackendContract<T, N>) {
    const { name, device, dtypes, limits, exact = true } = contract;
    const operations = implementedOperations(contract as never);
    const wrap = contract.adopt !== undefined;
    this.info = Object.freeze({ name, device, dtypes, limits, operations, wrap, exact });
    this.#state = { contract: contract as never, ledger: { liveTensors: 0, liveBytes: 0 }, disposed: false };
  }

  /** Throws for an object that only inherits from a backend. */
  get [STATE](): State {
    return this.#state;
  }

  /**
   * Copies numbers into a new float32 tensor. Throws as the form with a dtype does.
   * @param data numbers, nested or flat.
   * @param shape sizes of the dimensions; by default those of the nesting.
   */
  tensor(data: NumberArray, shape?: readonly number[]): WithDType<T, 'float32'>;
  /** Copies a typed array into a new tensor of its dtype. Throws as the form with a dtype does. */
  tensor<A extends InferableArray>(data: A, shape: readonly number[]): WithDType<T, DTypeOf<A>>;
  /**
   * Copies `data` into a new tensor.
   * @param data as many elements as `shape` has: a typed array of the dtype; plain numbers, nested or flat; or a
   *   `Float32Array`, to be rounded to float16 or bfloat16. Raw words of 16-bit floats are a `Uint16Array`.
   * @param shape sizes of the dimensions.
   * @throws InvalidArgumentError INVALID_ARGUMENT, INVALID_SHAPE, UNSUPPORTED_DTYPE; ResourceError
   *   LIMIT_EXCEEDED, OUT_OF_MEMORY.
   */
  tensor<D extends DType>(data: DataOf<D>, shape: readonly number[], dtype: D): WithDType<T, D>;
  tensor(data: unknown, shape?: unknown, dtype?: unknown): Tensor {
    checkUsable(this);
    const read = readTensorData(data, shape, dtype, this.info.dtypes);
    const tensor = newTensor(this, 'shape', read.shape, read.dtype);
    this.#state.contract.upload(tensor, read.elements);
    return tensor;
  }

  /** A new tensor of undefined content, for an operation's `out`. Throws as `tensor` does. */
  empty<D extends DType>(shape: readonly number[], dtype: D): WithDType<T, D> {
    checkUsable(this);
    checkDType('dtype', dtype, this.info.dtypes);
    return newTensor(this, 'shape', checkShape('shape', shape), dtype) as never;
  }

  /**
   * Makes a tensor in memory that the caller owns, without copying. Disposing the tensor never frees the memory.
   * @throws as `tensor` does; BUFFER_TOO_SMALL if `native` does not hold the shape; UNSUPPORTED_OPERATION if the
   *   backend cannot wrap.
   */
  wrap<D extends DType>(
    native: N,
    shape: readonly number[],
    dtype: D,
    options: WrapOptions = {},
  ): WithDType<T, D> {
    const { byteOffset = 0 } = readOptions<WrapOptions>(options, ['byteOffset']);
    checkUsable(this);
    const { contract } = this.#state;
    if (contract.adopt === undefined) throw unsupported(this.info, 'wrap');
    checkDType('dtype', dtype, this.info.dtypes);
    const { bytes } = DTYPES[dtype];
    checkSize('byteOffset', byteOffset, 0);
    if (byteOffset % bytes !== 0) throw invalidArgument('byteOffset', byteOffset, `a multiple of ${bytes}`);
    const adopt = (spec: TensorSpec) => contract.adopt!(native, spec, byteOffset);
    return newTensor(this, 'shape', checkShape('shape', shape), dtype, adopt) as never;
  }

  /** Counts the tensors and bytes that are in use, and those kept for reuse. */
  memory(): MemoryUsage {
    const { contract, ledger } = this.#state;
    return { ...ledger, pooledBytes: contract.pooledBytes?.() ?? 0 };
  }

  /** Frees the memory that the backend keeps. Its tensors can no longer be used. Doing it twice is harmless. */
  dispose(): void {
    const { contract, disposed } = this.#state;
    this.#state.disposed = true;
    if (!disposed) contract.shutdown?.();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }
}

/** Whether `value` is a backend, of this copy of core or any other in the process. */
export function isBackend(value: unknown): value is Backend {
  return hasBrand(value, STATE);
}

/** Throws INVALID_ARGUMENT unless `value` is a backend, and otherwise whatever keeps it from being used. */
export function checkBackend(value: unknown): asserts value is Backend {
  if (!isBackend(value)) {
    throw invalidArgument('backend', value, 'a backend, from selectBackend()');
  }
  checkUsable(value);
}

/** Throws BACKEND_DISPOSED after `dispose()`, and the backend's own errors, e.g. DEVICE_LOST. */
export function checkUsable<N>(backend: Backend<Tensor, N>): void {
  const { contract, disposed } = stateOf(backend);
  if (disposed) throw disposedError('BACKEND_DISPOSED', 'backend', `backend '${backend.info.name}'`);
  contract.checkUsable?.();
}

/** What the backend's author wrote. */
export function contractOf(backend: Backend): BackendContract {
  return stateOf(backend).contract as BackendContract;
}

/**
 * A tensor of undefined content.
 * @param adopt makes it in the caller's memory.
 * @throws ResourceError LIMIT_EXCEEDED, OUT_OF_MEMORY
 */
export function newTensor<N>(
  backend: Backend<Tensor, N>,
  argument: string,
  shape: readonly number[],
  dtype: DType,
  adopt?: (spec: TensorSpec) => Tensor,
): Tensor {
  const { contract, ledger } = stateOf(backend);
  const byteLength = byteLengthOf(shape, dtype);
  checkLimit(argument, 'maxTensorBytes', byteLength, backend.info.limits);
  const borrowed = adopt !== undefined;
  const entry = new LedgerEntry(ledger, borrowed ? 0 : byteLength);
  const spec = { backend: backend as never, shape, dtype, byteLength, borrowed, entry };
  const tensor = adopt ? adopt(spec) : contract.allocate(spec);
  // Only now: if it threw, there is no tensor to count.
  entry.open();
  return tensor;
}

function stateOf<N>(backend: Backend<Tensor, N>): State {
  return backend[STATE];
}

function implementedOperations({ operations }: BackendContract): OperationName[] {
  const has = (name: OperationName) => operations[name] !== undefined;
  const names = Object.keys(OPERATIONS) as OperationName[];
  return names.filter((name) => has(name) || (name === 'moeDispatch' && STAGES.every(has)));
}
