import type { Backend } from '../backend.js';
import { checkGating, checkSameTokens } from '../checks/inputs.js';
import { checkOverlap } from '../checks/overlap.js';
import { checkRouting, type RoutingOptions } from '../checks/routing.js';
import { tokenCount, width } from '../checks/shape.js';
import type { DispatchCall } from '../kernels.js';
import { checkTensor, disposeSymbol, type Tensor, type TensorClass, type WithDType } from '../tensor.js';
import {
  checkOut,
  DISPATCH_OUTPUTS,
  type DispatchTensors,
  fillPermuted,
  fillPlan,
  fillRouting,
  freeOnFailure,
  OUT_NAMES,
  type Out,
  unset,
} from './outputs.js';

/** How moeDispatch routes, and where its results go. */
export interface MoeDispatchOptions<T extends Tensor> extends RoutingOptions {
  /** Tensors to write the results into, instead of new ones. None may overlap an input or another. */
  out?: Out<DispatchTensors<T>, T>;
}

/** The results of moeDispatch. `dispose()` disposes all six. */
export class DispatchResult<T extends Tensor> implements DispatchTensors<T> {
  readonly permuteInput: WithDType<T, T['dtype']>;
  readonly tokenNumsPerExpert: WithDType<T, 'int64'>;
  readonly expertOffsets: WithDType<T, 'int32'>;
  readonly permuteIndicesPerToken: WithDType<T, 'int32'>;
  readonly expertScalesFloat: WithDType<T, 'float32'>;
  readonly topKIndices: WithDType<T, 'int32'>;

  constructor(call: DispatchCall) {
    this.permuteInput = call.permuteInput as WithDType<T, T['dtype']>;
    this.tokenNumsPerExpert = call.tokenNumsPerExpert as WithDType<T, 'int64'>;
    this.expertOffsets = call.expertOffsets as WithDType<T, 'int32'>;
    this.permuteIndicesPerToken = call.permuteIndicesPerToken as WithDType<T, 'int32'>;
    this.expertScalesFloat = call.expertScalesFloat as WithDType<T, 'float32'>;
    this.topKIndices = call.topKIndices as WithDType<T, 'int32'>;
  }

  /** Disposes all six tensors. Doing it twice is harmless. */
  dispose(): void {
    this.permuteInput.dispose();
    this.tokenNumsPerExpert.dispose();
    this.expertOffsets.dispose();
    this.permuteIndicesPerToken.dispose();
    this.expertScalesFloat.dispose();
    this.topKIndices.dispose();
  }

  /** `dispose()`, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }
}

/**
 * Routes each token to its `moeTopk` best experts and gathers the tokens' rows by expert: Paddle's
 * `paddle.incubate.nn.functional.moe_dispatch`, exact as docs/semantics.md says. The same bytes as routeTokens,
 * planDispatch and permuteRows in a row.
 *
 * @param x [T, D] or [B, S, D] with T = B·S, any dtype of the backend; rows are moved as bytes.
 * @param gatingOutput [T, E] or [B, S, E], float32.
 * @throws InvalidArgumentError, DisposedError, ResourceError: docs/semantics.md, "Bad input".
 */
export function moeDispatch<T extends Tensor>(
  x: T,
  gatingOutput: TensorClass<T>,
  options: MoeDispatchOptions<T>,
): DispatchResult<T> {
  const call = checkInputs(x, gatingOutput, options);
  const { backend } = x;
  const { out } = options;
  freeOnFailure(call, DISPATCH_OUTPUTS, out, () => {
    fillOutputs(call, backend, out);
    backend.dispatch(call);
  });
  return new DispatchResult(call);
}

/** Gives the call its outputs; the caller's must not overlap each other or the inputs. */
export function fillOutputs<T extends Tensor>(
  call: DispatchCall<T>,
  backend: Backend<T>,
  out: Out<DispatchTensors<Tensor>, Tensor> | undefined,
  scratch: (Tensor | undefined)[] = [],
): void {
  checkOut(out);
  fillPermuted(call, backend, out);
  fillPlan(call, backend, out);
  fillRouting(call, backend, out);
  if (out !== undefined) checkDispatchOverlap(call, scratch);
}

function checkDispatchOverlap(call: DispatchCall, tensors: (Tensor | undefined)[]): void {
  tensors[0] = call.permuteInput;
  tensors[1] = call.tokenNumsPerExpert;
  tensors[2] = call.expertOffsets;
  tensors[3] = call.permuteIndicesPerToken;
  tensors[4] = call.expertScalesFloat;
  tensors[5] = call.topKIndices;
  tensors[6] = call.x;
  tensors[7] = call.gating;
  checkOverlap(OVERLAP_NAMES, tensors as Tensor[], DISPATCH_OUTPUTS.length);
}

const OVERLAP_NAMES = [...DISPATCH_OUTPUTS.map((name) => OUT_NAMES[name]), 'x', 'gatingOutput'];

function checkInputs(x: Tensor, gatingOutput: Tensor, options: RoutingOptions): DispatchCall {
  checkTensor('x', x);
  const tokens = tokenCount('x', x);
  checkSameTokens('gatingOutput', gatingOutput, checkGating(gatingOutput, x.backend), tokens, 'x');
  const numExperts = width(gatingOutput);
  const { routing, topK } = checkRouting(options, tokens, numExperts, x.backend);
  return {
    routing,
    tokens,
    hidden: width(x),
    numExperts,
    topK,
    x,
    gating: gatingOutput,
    permuteInput: unset,
    tokenNumsPerExpert: unset,
    expertOffsets: unset,
    permuteIndicesPerToken: unset,
    expertScalesFloat: unset,
    topKIndices: unset,
  };
}
