import type { Backend } from './backend.js';
import { checkNames, readingError } from './checks/options.js';
import { checkOverlap } from './checks/overlap.js';
import { elementCount } from './checks/shape.js';
import { checkObject } from './checks/values.js';
import { checkDType } from './dtypes.js';
import { disposedError, invalid } from './errors.js';
import type { AnyCall, Call, Outputs, RunArguments, Spec } from './operations/call.js';
import { CHECK_INPUTS, type Request } from './operations/inputs.js';
import {
  argumentNames,
  checkImplemented,
  checkTensorOf,
  type Results,
  resultsOf,
  runOn,
  tensorDType,
  tensorNames,
  tensorShape,
} from './operations/perform.js';
import { OPERATIONS, type OperationName, type Sizes, type TensorName } from './operations/table.js';
import { disposeSymbol, type Tensor, type WithDType } from './tensor.js';

/** The sizes that a run's tensors tell. */
const SIZES = ['tokens', 'hidden', 'topK', 'numExperts', 'sharedExperts'] as const;

/** The tensors that a prepared operation writes. */
export type PreparedOutputs<Op extends OperationName, T extends Tensor> = {
  readonly [Name in keyof Outputs<Op>]: TensorClass<T>;
} & Results;
type TensorClass<T extends Tensor> = WithDType<T, T['dtype']>;

/**
 * One operation with everything fixed except its tensors: see {@link prepare}. Sizes, dtype and attributes are fixed; the
 * number of tokens may be any up to the one that it was prepared for.
 *
 * A backend may derive from it and supply `workspaceBytes`, `ready`, `execute` and `release`.
 */
export class Prepared<Op extends OperationName = OperationName, T extends Tensor = Tensor> {
  /** The name of the operation. */
  readonly operation: Op;
  /** Settles when everything that a run needs is compiled. You may run earlier; it only takes longer. */
  readonly ready: Promise<void> = Promise.resolve();
  readonly #spec: Spec<Op>;
  readonly #request: Request;
  readonly #outputs: readonly TensorName[];
  /** Inputs, then those that may be absent. */
  readonly #inputs: readonly TensorName[];
  readonly #named: readonly TensorName[];
  readonly #names: readonly TensorName[];
  readonly #arguments: unknown[] = [];
  readonly #tensors: (Tensor | null)[] = [];
  /** Of outputs and tensors given by name, by the number of tokens: a number met before costs no memory. */
  readonly #shapes = new Map<number, readonly number[][]>();
  #running = false;
  #disposed = false;

  constructor(backend: Backend<T, never>, operation: Op, spec: Spec<Op>) {
    this.operation = operation;
    this.#spec = spec;
    const names = argumentNames(operation);
    this.#request = { call: { ...spec } as AnyCall, backend: backend as unknown as Backend, names };
    this.#outputs = OPERATIONS[operation].outputs;
    this.#names = tensorNames(operation);
    this.#named = OPERATIONS[operation].named;
    this.#inputs = this.#names.slice(this.#outputs.length, this.#names.length - this.#named.length);
    checkImplemented(operation, this.#request.backend);
    for (const name of this.#named) this.#request.call[name] = null;
    this.run = this.#run.bind(this) as never;
  }

  /** Bytes of workspace held until `dispose()`. */
  get workspaceBytes(): number {
    return 0;
  }

  /**
   * Runs into the caller's tensors, without allocating anything.
   *
   * Takes the operation's inputs in the order of the function of the same name (null for an absent bias), then
   * `out`, a tensor for each result, of the shape that this run's tokens give it, then an object of the `tensors` that it was
   * prepared for, by name. No output may overlap an input or another output.
   * @throws InvalidArgumentError, DisposedError, ResourceError.
   */
  readonly run: (...inputsAndOut: RunArguments<Op>) => void;

  /**
   * New tensors to run into, by name, for `tokens` tokens; its `dispose()` disposes them all.
   * @param tokens by default the number that it was prepared for.
   * @throws InvalidArgumentError, DisposedError, ResourceError LIMIT_EXCEEDED, OUT_OF_MEMORY.
   */
  outputs(tokens: number = this.#spec.tokens): PreparedOutputs<Op, T> {
    this.#checkUsable();
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > this.#spec.tokens) {
      const expected = `an integer from 0 to ${this.#spec.tokens}, as prepared`;
      throw invalid('INVALID_ARGUMENT', 'tokens', String(tokens), expected);
    }
    return resultsOf(this.operation, this.#request, { ...this.#spec, tokens }) as never;
  }

  /** Frees the workspace. Doing it twice is harmless; running afterwards throws PREPARED_DISPOSED. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.release();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }

  /** Issues the work of a checked call. The next run reuses the object: keep no reference to it. */
  protected execute(call: Call<Op, T>): void {
    runOn(this.#request.backend, this.operation, call as never);
  }

  /** Frees the workspace; called once. */
  protected release(): void {}

  // Arguments are named one by one, because a rest parameter would be garbage.
  #run(a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown, g?: unknown): void {
    this.#checkUsable();
    if (this.#running) {
      throw invalid('INVALID_ARGUMENT', 'this', 'a run within this run', 'one run at a time');
    }
    this.#running = true;
    try {
      const values = this.#arguments;
      values[0] = a;
      values[1] = b;
      values[2] = c;
      values[3] = d;
      values[4] = e;
      values[5] = f;
      values[6] = g;
      this.#readTensors();
      this.#checkUsable();
      this.#checkPresence();
      CHECK_INPUTS[this.operation](this.#request);
      this.#checkSizes();
      this.#checkTensors();
      this.execute(this.#request.call as unknown as Call<Op, T>);
    } finally {
      this.#forget();
      this.#running = false;
    }
  }

  #checkUsable(): void {
    if (this.#disposed) throw disposedError('PREPARED_DISPOSED', 'this', 'prepared operation');
  }

  /** All of the caller's getters run here, before any check. */
  #readTensors(): void {
    const { call } = this.#request;
    const out = this.#arguments[this.#inputs.length];
    for (let i = 0; i < this.#inputs.length; i++) call[this.#inputs[i]] = this.#arguments[i] as Tensor | null;
    readInto(call, 'out', out, this.#outputs, 'an object of tensors, named as in the result');
    const tensors = this.#arguments[this.#inputs.length + 1];
    if (tensors === undefined) return;
    readInto(call, 'tensors', tensors, this.#named, 'an object of tensors, by name', true);
  }

  #checkPresence(): void {
    for (let i = 0; i < this.#named.length; i++) {
      const name = this.#named[i];
      const prepared = this.#spec.tensors.includes(name);
      if (prepared !== (this.#request.call[name] !== null)) throw wrongPresence(name, prepared);
    }
  }

  #checkSizes(): void {
    const { call } = this.#request;
    const spec = this.#spec;
    // The tensor of the rows is the first.
    if (call.dtype !== spec.dtype) checkDType(this.#inputs[0], call.dtype, [spec.dtype]);
    if (call.gatingDtype !== spec.gatingDtype) {
      checkDType('gatingOutput', call.gatingDtype, [spec.gatingDtype]);
    }
    for (let i = 0; i < SIZES.length; i++) {
      const size = SIZES[i];
      const fits = call[size] === spec[size] || (size === 'tokens' && call.tokens < spec.tokens);
      if (!fits) throw this.#wrongSize(size);
    }
  }

  #checkTensors(): void {
    const { call } = this.#request;
    const shapes = this.#shapes.get(call.tokens) ?? this.#shapesOfRun();
    for (let i = 0; i < this.#outputs.length; i++) this.#checkTensor(this.#outputs[i], shapes[i]);
    for (let i = 0; i < this.#named.length; i++) {
      const name = this.#named[i];
      if (call[name] !== null) this.#checkTensor(name, shapes[this.#outputs.length + i]);
    }
    checkOverlap(this.#request, this.#names, this.#outputs.length, this.#tensors);
  }

  #checkTensor(name: TensorName, shape: readonly number[]): void {
    const { call } = this.#request;
    checkTensorOf(this.#request, name, call[name], tensorDType(name, call), shape);
  }

  // Not where they are used: a function with a closure in it makes garbage at every call.
  #shapesOfRun(): readonly number[][] {
    const { call } = this.#request;
    const shapes = [...this.#outputs, ...this.#named].map((name) => tensorShape(name, call));
    this.#shapes.set(call.tokens, shapes);
    return shapes;
  }

  /** Names the first input whose shape has the size: with it alone being 2, it has 2 elements. */
  #wrongSize(size: keyof Sizes): Error {
    const ones = { tokens: 1, hidden: 1, numExperts: 1, topK: 1, zeroExperts: 0, sharedExperts: 1 };
    const sizes = { ...ones, [size]: 2 };
    const argument = this.#names
      .slice(this.#outputs.length)
      .find((name) => elementCount(tensorShape(name, sizes)) > 1)!;
    const [code, most] =
      size === 'tokens' ? (['TOKEN_COUNT_MISMATCH', 'at most '] as const) : (['INVALID_SHAPE', ''] as const);
    const expected = `${most}${size} = ${this.#spec[size]}, as prepared`;
    return invalid(code, argument, `${size} = ${this.#request.call[size]}`, expected);
  }

  /** Lets go of a run's tensors, which may be disposed or collected before the next. */
  #forget(): void {
    for (let i = 0; i < this.#names.length; i++) this.#request.call[this.#names[i]] = null;
    this.#arguments.fill(undefined);
    this.#tensors.fill(null);
  }
}

/** As readProperties, into a call: a new object would be garbage. */
function readInto(
  call: AnyCall,
  argument: string,
  value: unknown,
  names: readonly TensorName[],
  expected: string,
  only = false,
): void {
  checkObject(argument, value, expected);
  try {
    if (only) checkNames(argument, value, names);
    for (let i = 0; i < names.length; i++) call[names[i]] = (value as AnyCall)[names[i]] ?? null;
  } catch (cause) {
    throw readingError(argument, expected, cause);
  }
}

function wrongPresence(name: TensorName, prepared: boolean): Error {
  const [found, expected] = prepared ? ['nothing', 'a tensor'] : ['a tensor', 'nothing'];
  return invalid('INVALID_ARGUMENT', name, found, `${expected}, as prepared`);
}
