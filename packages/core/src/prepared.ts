import type { Backend } from './backend.js';
import { checkOverlap } from './checks/overlap.js';
import { invalidShape } from './checks/shape.js';
import { checkObject } from './checks/values.js';
import { checkDType } from './dtypes.js';
import { disposedError, invalid } from './errors.js';
import type { AnyCall, Call, Outputs, RunArguments, Spec } from './operations/call.js';
import { type ArgumentNames, CHECK_INPUTS } from './operations/inputs.js';
import {
  checkOutput,
  implementationOf,
  newResults,
  outNames,
  type Results,
  tensorDType,
  tensorNames,
  tensorShape,
} from './operations/perform.js';
import { OPERATIONS, type OperationName, type Sizes, type TensorName } from './operations/table.js';
import { disposeSymbol, type Tensor, type WithDType } from './tensor.js';

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
  readonly #backend: Backend;
  readonly #spec: Spec<Op>;
  readonly #call: AnyCall;
  readonly #outputs: readonly TensorName[];
  /** Inputs, then those that may be absent. */
  readonly #inputs: readonly TensorName[];
  readonly #names: readonly TensorName[];
  readonly #nameOf: ArgumentNames;
  readonly #arguments: unknown[] = [];
  readonly #tensors: (Tensor | undefined)[] = [];
  readonly #overlapNames: string[] = [];
  /** Of the outputs, by the number of tokens: a number met before costs no memory. */
  readonly #shapes = new Map<number, readonly number[][]>();
  /** Typed without `T`, so that a prepared operation of one tensor class is one of Tensor. */
  readonly #implementation: (call: never) => void;
  #running = false;
  #disposed = false;

  constructor(backend: Backend<T, never>, operation: Op, spec: Spec<Op>) {
    this.operation = operation;
    this.#backend = backend as unknown as Backend;
    this.#spec = spec;
    this.#call = { ...spec } as AnyCall;
    this.#outputs = OPERATIONS[operation].outputs;
    this.#names = tensorNames(operation);
    this.#inputs = this.#names.slice(this.#outputs.length);
    // Looked up, because putting a name together would be garbage in every run.
    const nameOf = outNames(operation);
    const names = Object.fromEntries(this.#names.map((name) => [name, nameOf(name)]));
    this.#nameOf = (name) => names[name];
    this.#implementation = implementationOf(operation, this.#backend) as never;
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
   * `out`, a tensor for each result, of the shape that this run's tokens give it. None may overlap an input or another output.
   * @throws InvalidArgumentError, DisposedError, ResourceError.
   */
  readonly run: (...inputsAndOut: RunArguments<Op>) => void;

  /**
   * New tensors to run into, by name, for `tokens` tokens; its `dispose()` disposes them all.
   * @param tokens by default the number that it was prepared for.
   * @throws InvalidArgumentError, DisposedError, ResourceError LIMIT_EXCEEDED, OUT_OF_MEMORY.
   */
  outputs(tokens: number = this.#spec.tokens): PreparedOutputs<Op, T> {
    if (this.#disposed) throw disposedError('PREPARED_DISPOSED', 'this', 'prepared operation');
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > this.#spec.tokens) {
      const expected = `an integer from 0 to ${this.#spec.tokens}, as prepared`;
      throw invalid('INVALID_ARGUMENT', 'tokens', String(tokens), expected);
    }
    return newResults(this.operation, this.#backend, { ...this.#spec, tokens }) as never;
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
    this.#implementation(call as never);
  }

  /** Frees the workspace; called once. */
  protected release(): void {}

  // Arguments are named one by one, because a rest parameter would be garbage.
  #run(a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown): void {
    if (this.#disposed) throw disposedError('PREPARED_DISPOSED', 'this', 'prepared operation');
    if (this.#running) {
      throw invalid('INVALID_ARGUMENT', 'this', 'a run started by a getter of this run', 'one run at a time');
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
      this.#readOut(values[this.#inputs.length]);
      this.#checkInputs();
      this.#checkOutputs();
      this.execute(this.#call as unknown as Call<Op, T>);
    } finally {
      this.#forget();
      this.#running = false;
    }
  }

  /** All of the caller's getters run here, before any check. */
  #readOut(out: unknown): void {
    checkObject('out', out, 'an object of tensors, named as in the result');
    for (let i = 0; i < this.#outputs.length; i++) {
      this.#tensors[i] = (out as Record<string, Tensor>)[this.#outputs[i]];
    }
  }

  #checkInputs(): void {
    const call = this.#call;
    const spec = this.#spec;
    for (let i = 0; i < this.#inputs.length; i++) {
      call[this.#inputs[i]] = this.#arguments[i] as Tensor | null;
    }
    CHECK_INPUTS[this.operation](call, this.#backend, this.#nameOf);
    if (call.dtype !== spec.dtype) checkDType(this.#argumentOf('hidden'), call.dtype, [spec.dtype]);
    if (call.tokens > spec.tokens) {
      const expected = `at most ${spec.tokens} tokens, as prepared`;
      throw invalid('TOKEN_COUNT_MISMATCH', this.#argumentOf('tokens'), `${call.tokens} tokens`, expected);
    }
    if (call.hidden !== spec.hidden) throw this.#wrongSize('hidden', `rows of ${spec.hidden} elements`);
    if (call.topK !== spec.topK) throw this.#wrongSize('topK', `${spec.topK} choices per token`);
    if (call.numExperts !== spec.numExperts)
      throw this.#wrongSize('numExperts', `${spec.numExperts} experts`);
  }

  #checkOutputs(): void {
    const call = this.#call;
    const shapes = this.#shapes.get(call.tokens) ?? this.#outputShapes();
    for (let i = 0; i < this.#outputs.length; i++) {
      const name = this.#outputs[i];
      const dtype = tensorDType(name, call);
      call[name] = checkOutput(this.#nameOf(name), this.#tensors[i], this.#backend, dtype, shapes[i]);
    }
    let count = 0;
    for (let i = 0; i < this.#names.length; i++) {
      const tensor = call[this.#names[i]];
      if (!tensor) continue;
      this.#tensors[count] = tensor;
      this.#overlapNames[count++] = this.#nameOf(this.#names[i]);
    }
    this.#tensors.length = count;
    checkOverlap(this.#overlapNames, this.#tensors as Tensor[], this.#outputs.length);
  }

  // Not where they are used: a function with a closure in it makes garbage at every call.
  #outputShapes(): readonly number[][] {
    const call = this.#call;
    const shapes = this.#outputs.map((name) => tensorShape(name, call));
    this.#shapes.set(call.tokens, shapes);
    return shapes;
  }

  #wrongSize(size: keyof Sizes, expected: string): Error {
    const argument = this.#argumentOf(size);
    const tensor = this.#call[argument as TensorName];
    if (tensor) return invalidShape(argument, tensor, `${expected}, as prepared`);
    return invalid('INVALID_SHAPE', argument, String(tensor), `${expected}, as prepared`);
  }

  /** The first input whose shape depends on a size. */
  #argumentOf(size: keyof Sizes): TensorName {
    const probe = (value: number) => {
      const sizes = { tokens: 1, hidden: 1, numExperts: 1, topK: 1, [size]: value };
      return (name: TensorName) => tensorShape(name, sizes).join();
    };
    const [small, large] = [probe(1), probe(2)];
    return this.#inputs.find((name) => small(name) !== large(name)) ?? this.#inputs[0];
  }

  /** Lets go of a run's tensors, which may be disposed or collected before the next. */
  #forget(): void {
    for (let i = 0; i < this.#names.length; i++) this.#call[this.#names[i]] = null;
    this.#arguments.fill(undefined);
    this.#tensors.fill(undefined);
  }
}
