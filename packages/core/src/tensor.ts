import type { Backend } from './backend.js';
import { type ArrayOf, DTYPES, type DType } from './dtypes.js';
import { describe, disposedError, hasBrand, type InvalidArgumentError, invalid } from './errors.js';

// Registered symbols, so that tensors made by another copy of core in the same process are recognised.
const TENSOR_BRAND: unique symbol = Symbol.for('@moe-dispatch/core.tensor') as never;

// Engines without explicit resource management lack Symbol.dispose; this is the key that helpers fall back to.
export const disposeSymbol: typeof Symbol.dispose = (Symbol.dispose ??
  Symbol.for('Symbol.dispose')) as typeof Symbol.dispose;

/** A backend's tensor class, whatever dtype `T` was narrowed to. */
export type TensorClass<T extends Tensor> = NonNullable<T['tensorClass']>;

/** A tensor of `T`'s class and one dtype, so that `read()` is typed. */
export type WithDType<T extends Tensor, D extends DType> = TensorClass<T> & { readonly dtype: D };

/**
 * A dense row-major array in a backend's memory.
 *
 * Users get tensors from a backend or an operation. A backend author derives from this class and supplies
 * the abstract members; core calls them only on tensors that are not disposed.
 */
export abstract class Tensor {
  /** The backend that holds it; operations take tensors of one backend only. */
  readonly backend: Backend;
  /** Sizes of the dimensions, outermost first. */
  readonly shape: readonly number[];
  /** The type of its elements. */
  readonly dtype: DType;
  /** Bytes of the elements: product of `shape` times the dtype's size. */
  readonly byteLength: number;
  /** Whether the memory belongs to the caller (`backend.wrap`) and is never freed here. */
  readonly borrowed: boolean;
  /** For types alone, no value at run time: a backend's tensor class names itself here (TensorClass). */
  declare readonly tensorClass?: Tensor;
  private isDisposed = false;

  constructor(
    backend: Backend,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    borrowed: boolean,
  ) {
    this.backend = backend;
    this.shape = Object.freeze(shape);
    this.dtype = dtype;
    this.byteLength = byteLength;
    this.borrowed = borrowed;
    backend.tensorCreated(this);
  }

  get [TENSOR_BRAND](): true {
    return true;
  }

  /** The memory object that holds the elements: two tensors of one backend can only overlap in the same one. */
  abstract readonly memory: unknown;
  /** Where the elements start in `memory`, in bytes. */
  abstract readonly byteOffset: number;
  /** Bytes from `byteOffset` on that may be used now; a borrowed buffer can shrink or be detached. */
  abstract readonly capacity: number;
  /** Copies the elements as they are after all operations issued so far. */
  protected abstract download(): Promise<ArrayBuffer>;
  /** Frees the memory, or lets go of it where it is borrowed. Called once. */
  protected abstract release(): void;

  /** Whether `dispose()` was called. */
  get disposed(): boolean {
    return this.isDisposed;
  }

  /**
   * Copies the elements out: the values after every operation issued before this call, whatever is issued or
   * disposed later. The array belongs to the caller.
   * @throws DisposedError TENSOR_DISPOSED; DeviceError where the device fails before the copy is done.
   */
  async read(): Promise<ArrayOf<this['dtype']>> {
    checkTensor('tensor', this);
    const { ArrayType } = DTYPES[this.dtype];
    return new ArrayType(await this.download()) as ArrayOf<this['dtype']>;
  }

  /** Gives the memory back. Doing it twice is harmless; using the tensor afterwards throws TENSOR_DISPOSED. */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.backend.tensorDisposed(this);
    this.release();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }
}

/** Whether `value` is a tensor, of this copy of core or any other in the process. */
export function isTensor(value: unknown): value is Tensor {
  return hasBrand(value, TENSOR_BRAND);
}

/**
 * Throws unless `value` is a usable tensor, of `backend` where one is given.
 * Codes: INVALID_ARGUMENT, TENSOR_DISPOSED, BACKEND_DISPOSED, WRONG_BACKEND, BUFFER_TOO_SMALL.
 */
export function checkTensor(argument: string, value: unknown, backend?: Backend): asserts value is Tensor {
  if (!isTensor(value)) {
    throw invalid('INVALID_ARGUMENT', argument, describe(value), 'a tensor, as backend.tensor() gives');
  }
  if (value.disposed) throw disposedError('TENSOR_DISPOSED', argument, 'tensor');
  if (backend !== undefined && value.backend !== backend) throw wrongBackend(argument, value, backend);
  value.backend.checkUsable();
  if (value.capacity < value.byteLength) {
    throw invalid(
      'BUFFER_TOO_SMALL',
      argument,
      `memory of ${value.capacity} bytes`,
      `at least ${value.byteLength} bytes for shape [${value.shape.join(', ')}] of ${value.dtype}`,
    );
  }
}

function wrongBackend(argument: string, tensor: Tensor, backend: Backend): InvalidArgumentError {
  return invalid(
    'WRONG_BACKEND',
    argument,
    `a tensor of another backend or device: ${nameOf(tensor.backend)}`,
    `a tensor of ${nameOf(backend)}, as the first of the call`,
  );
}

function nameOf({ info }: Backend): string {
  return `${info.name} (${info.device})`;
}
