import { readOptions } from '../checks/options.js';
import { checkSize } from '../checks/values.js';
import type { Tensor } from '../tensor.js';
import type { Outputs } from './call.js';
import { checkExperts, checkedRequest } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { PlanResult } from './results.js';

/** Where planDispatch's results go. */
export interface PlanDispatchOptions {
  /** Tensors to write the results into, instead of new ones. None may overlap the input or another output. */
  out?: Outputs<'planDispatch'> | undefined;
}

const NAMES = argumentNames('planDispatch');

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
  const call = { dtype: 'float32', hidden: 0, numExperts, topKIndices };
  const request = checkedRequest('planDispatch', call, NAMES);
  checkSize('numExperts', numExperts, 1);
  checkExperts(request.call.topK, request, 'topKIndices', 'numExperts');
  return perform('planDispatch', request, out) as unknown as PlanResult<T>;
}
