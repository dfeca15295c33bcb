import { type Backend, checkUsable } from './backend.js';
import { type ArrayOf, DTYPES, type DType } from './dtypes.js';
import { disposedError, hasBrand, type InvalidArgumentError, invalid, invalidArgument } from './errors.js';
import type { LedgerEntry } from './ledger.js';
import { toNumbers } from './to-numbers.js';

// Registered symbols, so that tensors made by another copy of core in the same process are recognised.
const TENSOR_BRAND: unique symbol = Symbol.for('@moe-dispatch/core.tensor') as never;
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** `Symbol.dispose`. Engines without explicit resource management lack it; helpers fall back to this key. */
export const disposeSymbol: typeof Symbol.dispose = (Symbol.dispose ??
  Symbol.for('Symbol.dispose')) as typeof Symbol.dispose;

/** A backend's tensor class, whatever dtype `T` was narrowed to. */
export type TensorClass<T extends Tensor> = NonNullable<T['tensorClass']>;

/** A tensor of `T`'s class and one dtype, so that `read()` is typed. */
export type WithDType<T extends Tensor, D extends DType> = Tensor & TensorClass<T> & { readonly dtype: D };

/** What core knows about a tensor that a backend makes. The backend passes it to Tensor's constructor. */
export interface TensorSpec {
  readonly backend: Backend;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly byteLength: number;
  /** Whether the memory is the caller's. */
  readonly borrowed: boolean;
  /** Counts the tensor as live until `dispose()`. If it is collected before, close the entry. */
  readonly entry: LedgerEntry;
}

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
  readonly #entry: LedgerEntry;
  #disposed = false;

  constructor(spec: TensorSpec) {
    this.backend = spec.backend;
    this.shape = Object.freeze(spec.shape);
    this.dtype = spec.dtype;
    this.byteLength = spec.byteLength;
    this.borrowed = spec.borrowed;
    this.#entry = spec.entry;
  }

  /** False for an object that only inherits from a tensor. */
  get [TENSOR_BRAND](): boolean {
    return #entry in this;
  }

  /** The memory object that holds the elements: two tensors of one backend can only overlap in the same one. */
  abstract readonly memory: unknown;
  /** Where the elements start in `memory`, in bytes. */
  abstract readonly byteOffset: number;
  /** Bytes from `byteOffset` on that can be used now; a borrowed buffer can shrink or be detached. */
  abstract readonly capacity: number;
  /** Copies the elements as they are after all operations issued so far. */
  protected abstract download(): Promise<ArrayBuffer>;
  /** Frees the memory, or lets go of it if it is borrowed. Called once. */
  protected abstract release(): void;

  /** Whether `dispose()` was called. */
  get disposed(): boolean {
    return !(#entry in this) || this.#disposed;
  }

  /**
   * Copies the elements to a new array: the values after every operation issued before this call, whatever is issued
   * or disposed later.
   * @throws DisposedError TENSOR_DISPOSED; DeviceError if the device fails before the copy is done.
   */
  async read(): Promise<ArrayOf<this['dtype']>> {
    checkTensor('tensor', this);
    const { ArrayType } = DTYPES[this.dtype];
    return new ArrayType(await this.download()) as ArrayOf<this['dtype']>;
  }

  /**
   * `read()` as plain numbers, row by row, for programs that want to print or compare values. 16-bit and 8-bit floats
   * are decoded; int64 values beyond 2^53 are rounded.
   * @throws as `read`
   */
  async toNumbers(): Promise<number[]> {
    return toNumbers(this.dtype, await this.read());
  }

  /**
   * Gives the memory back. Doing it twice is harmless; using the tensor afterwards throws TENSOR_DISPOSED.
   * @throws InvalidArgumentError INVALID_ARGUMENT if `this` only inherits from a tensor.
   */
  dispose(): void {
    if (!(#entry in this)) throw notATensor('this', this);
    if (this.#disposed) return;
    this.#disposed = true;
    this.#entry.close();
    this.release();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }

  /** The name of the class, for people; minifiers leave it alone. */
  get [Symbol.toStringTag](): string {
    return 'Tensor';
  }

  /** Class, dtype and shape, e.g. `CpuTensor float32 [2, 2]`; consoles show this too. */
  toString(): string {
    return `${this[Symbol.toStringTag]} ${this.dtype} [${this.shape.join(', ')}]`;
  }

  /** Same as `toString()`; `read()` gives the elements. */
  toJSON(): string {
    return this.toString();
  }

  /** What Node's `console.log` shows. */
  [INSPECT](): string {
    return this.toString();
  }
}

/** Whether `value` is a tensor, of this copy of core or any other in the process. */
export function isTensor(value: unknown): value is Tensor {
  return hasBrand(value, TENSOR_BRAND);
}

/**
 * Throws unless `value` is a usable tensor, of `backend` if one is given.
 * Codes: INVALID_ARGUMENT, TENSOR_DISPOSED, BACKEND_DISPOSED, WRONG_BACKEND, BUFFER_TOO_SMALL.
 */
export function checkTensor(argument: string, value: unknown, backend?: Backend): asserts value is Tensor {
  if (!isTensor(value)) throw notATensor(argument, value);
  if (value.disposed) throw disposedError('TENSOR_DISPOSED', argument, 'tensor');
  if (backend !== undefined && value.backend !== backend) {
    const expected = `a tensor of the first one's backend, ${nameOf(backend)}`;
    throw invalid('WRONG_BACKEND', argument, `one of another, ${nameOf(value.backend)}`, expected);
  }
  checkUsable(value.backend);
  if (value.capacity < value.byteLength) {
    throw invalid(
      'BUFFER_TOO_SMALL',
      argument,
      `memory of ${value.capacity} bytes`,
      `at least ${value.byteLength} bytes for shape [${value.shape.join(', ')}] of ${value.dtype}`,
    );
  }
}

function notATensor(argument: string, value: unknown): InvalidArgumentError {
  return invalidArgument(argument, value, 'a tensor, from backend.tensor()');
}

function nameOf({ info }: Backend): string {
  return `${info.name} (${info.device})`;
}
