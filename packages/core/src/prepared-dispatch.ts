import type { Backend } from './backend.js';
import { checkGating, checkSameTokens } from './checks/inputs.js';
import { invalidShape, tokenCount, width } from './checks/shape.js';
import { checkObject } from './checks/values.js';
import { checkDType } from './dtypes.js';
import { disposedError } from './errors.js';
import type { DispatchCall, PrepareCall } from './kernels.js';
import { fillOutputs } from './operations/moe-dispatch.js';
import { DISPATCH_OUTPUTS, type DispatchTensors, type Out, unset } from './operations/outputs.js';
import { checkTensor, disposeSymbol, type Tensor } from './tensor.js';

/**
 * moeDispatch for one fixed size, everything it needs made ahead: see prepareDispatch. A backend derives from
 * it and supplies `workspaceBytes`, `execute` and `release`.
 */
export abstract class PreparedDispatch<T extends Tensor = Tensor> {
  /** Bytes of scratch memory held until `dispose()`. */
  abstract readonly workspaceBytes: number;
  /** Settles when nothing is left to compile. Running earlier is fine, only slower. */
  readonly ready: Promise<void> = Promise.resolve();
  private readonly backend: Backend<T>;
  private readonly call: DispatchCall<T>;
  private readonly dtype: readonly [PrepareCall['dtype']];
  private readonly overlapScratch: (Tensor | undefined)[] = [];
  private isDisposed = false;

  constructor(backend: Backend<T>, spec: PrepareCall) {
    this.backend = backend;
    this.dtype = [spec.dtype];
    const { routing, tokens, hidden, numExperts, topK } = spec;
    this.call = { routing, tokens, hidden, numExperts, topK } as DispatchCall<T>;
  }

  /**
   * Dispatches into the caller's tensors, without allocating anything.
   * @param x as moeDispatch's, of the prepared sizes and dtype.
   * @param gatingOutput as moeDispatch's, of the prepared sizes.
   * @param out a tensor for each result of moeDispatch; none may overlap an input or another.
   * @throws InvalidArgumentError, DisposedError.
   */
  run(x: Tensor, gatingOutput: Tensor, out: Out<DispatchTensors<Tensor>, Tensor>): void {
    try {
      this.execute(this.check(x, gatingOutput, out));
    } finally {
      this.forget();
    }
  }

  /** Frees the workspace. Doing it twice is harmless; running afterwards throws PREPARED_DISPOSED. */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.release();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }

  /** Issues the work of a checked call. The object is used again by the next call: keep nothing of it. */
  protected abstract execute(call: DispatchCall<T>): void;
  /** Frees the workspace; called once. */
  protected abstract release(): void;

  /** Checks a run's arguments, for `run` and for what a backend adds beside it. */
  protected check(
    x: Tensor,
    gatingOutput: Tensor,
    out: Out<DispatchTensors<Tensor>, Tensor>,
  ): DispatchCall<T> {
    const { call, backend } = this;
    if (this.isDisposed) throw disposedError('PREPARED_DISPOSED', 'this', 'prepared dispatch');
    checkTensor('x', x, backend as unknown as Backend);
    checkDType('x', x.dtype, this.dtype);
    if (width(x) !== call.hidden) throw invalidShape('x', x, `rows of ${call.hidden} elements, as prepared`);
    checkSameTokens('x', x, tokenCount('x', x), call.tokens, 'the prepared dispatch');
    const tokens = checkGating(gatingOutput, backend as unknown as Backend);
    checkSameTokens('gatingOutput', gatingOutput, tokens, call.tokens, 'the prepared dispatch');
    if (width(gatingOutput) !== call.numExperts) {
      throw invalidShape('gatingOutput', gatingOutput, `${call.numExperts} experts, as prepared`);
    }
    checkObject('out', out, 'an object of tensors, named as in the result');
    call.x = x as T;
    call.gating = gatingOutput as T;
    fillOutputs(call, backend, out, this.overlapScratch);
    return call;
  }

  /** Lets go of a run's tensors, which may be disposed or collected before the next. */
  protected forget(): void {
    const { call } = this;
    call.x = unset;
    call.gating = unset;
    for (const name of DISPATCH_OUTPUTS) call[name] = unset;
    this.overlapScratch.fill(undefined);
  }
}
