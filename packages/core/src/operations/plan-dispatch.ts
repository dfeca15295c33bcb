import { readOptions } from '../checks/options.js';
import { checkSize } from '../checks/values.js';
import { checkTensor, type Tensor } from '../tensor.js';
import type { AnyCall, Outputs } from './call.js';
import { CHECK_INPUTS, checkExperts } from './inputs.js';
import { outNames, perform, readOut } from './perform.js';
import type { PlanResult } from './results.js';

/** Where planDispatch's results go. */
export interface PlanDispatchOptions {
  /** Tensors to write the results into, instead of new ones. None may overlap the input or another output. */
  out?: Outputs<'planDispatch'> | undefined;
}

/**
 * The second stage: where each (token, choice) goes. Pairs are sorted by expert, stably by token, then choice.
 * The choices may come from any router.
 * @param topKIndices [T, K] int32, each from 0 to numExperts − 1.
 * @param numExperts E
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host),
 *   DisposedError, ResourceError.
 */
export function planDispatch<T extends Tensor>(
  topKIndices: T,
  numExperts: number,
  options: PlanDispatchOptions = {},
): PlanResult<T> {
  const given = readOptions<PlanDispatchOptions>(options, ['out']);
  const out = readOut('planDispatch', given.out);
  checkTensor('topKIndices', topKIndices);
  checkSize('numExperts', numExperts, 1);
  const { backend } = topKIndices;
  const call = { dtype: 'float32', hidden: 0, numExperts, topKIndices } as Partial<AnyCall> as AnyCall;
  CHECK_INPUTS.planDispatch(call, backend, (name) => name);
  checkExperts(call.topK, numExperts, call.tokens, backend, { topK: 'topKIndices', experts: 'numExperts' });
  return perform('planDispatch', backend, call, out, outNames('planDispatch')) as unknown as PlanResult<T>;
}
