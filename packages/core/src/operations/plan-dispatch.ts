import { readOptions } from '../checks/options.js';
import { checkZeroExperts } from '../checks/sizes.js';
import { checkSize } from '../checks/values.js';
import type { Tensor } from '../tensor.js';
import { emptyCall, type Outputs } from './call.js';
import { checkExperts, checkedRequest } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { PlanResult } from './results.js';

/** Which experts get rows, and where planDispatch's results go. */
export interface PlanDispatchOptions {
  /** How many of the experts, the last ones, get no rows: a router's `zeroExperts.count`. Default 0. */
  zeroExperts?: number | undefined;
  /** Tensors to write the results into, instead of new ones. None may overlap the input or another output. */
  out?: Outputs<'planDispatch'> | undefined;
}

const NAMES = argumentNames('planDispatch');

/**
 * The second stage: where each (token, choice) goes. Pairs are sorted by expert, stably by token, then choice.
 * The choices may come from any router.
 * @param topKIndices [T, K] int32, each from 0 to numExperts − 1, or −1 for a choice that goes nowhere.
 * @param numExperts E
 * @throws InvalidArgumentError (INDEX_OUT_OF_RANGE only on backends that read the indices on the host),
 *   DisposedError, ResourceError.
 */
export function planDispatch<T extends Tensor>(
  topKIndices: T,
  numExperts: number,
  options: PlanDispatchOptions = {},
): PlanResult<T> {
  const given = readOptions<PlanDispatchOptions>(options, ['zeroExperts', 'out']);
  const out = readOut('planDispatch', given.out);
  const { zeroExperts = 0 } = given;
  const call = emptyCall();
  call.numExperts = numExperts;
  call.zeroExperts = zeroExperts;
  call.topKIndices = topKIndices;
  const request = checkedRequest('planDispatch', call, NAMES);
  checkSize('numExperts', numExperts, 1);
  checkZeroExperts(zeroExperts, numExperts);
  checkExperts(request.call.topK, request, 'topKIndices', 'numExperts');
  return perform('planDispatch', request, out) as unknown as PlanResult<T>;
}
