import { type Backend, checkLimit, isBackend } from '../backend.js';
import { checkRouting, type RoutingOptions } from '../checks/routing.js';
import { checkObject, checkSize } from '../checks/values.js';
import { checkDType, DTYPES, type DType } from '../dtypes.js';
import { describe, invalid } from '../errors.js';
import type { PrepareCall } from '../kernels.js';

export interface PrepareDispatchOptions extends RoutingOptions {
  /** T: tokens of each run. */
  tokens: number;
  /** D: elements of a token's row. */
  hidden: number;
  /** E */
  numExperts: number;
  /** dtype of x. */
  dtype: DType;
}

/** What prepareDispatch asks of a backend. */
export interface Preparing {
  /** Makes everything ahead for dispatches of one size. */
  prepare(call: PrepareCall): unknown;
}

/**
 * Makes everything that moeDispatch needs for one size ahead of time, so that each run allocates nothing.
 * @returns the backend's PreparedDispatch: `workspaceBytes`, `run(x, gatingOutput, out)`, `dispose()`.
 * @throws InvalidArgumentError, DisposedError, ResourceError, as moeDispatch does for the same sizes.
 */
export function prepareDispatch<B extends Preparing>(
  backend: B,
  options: PrepareDispatchOptions,
): ReturnType<B['prepare']> {
  checkObject('options', options);
  const owner = checkBackend(backend);
  owner.checkUsable();
  const { tokens, hidden, numExperts, dtype } = options;
  checkSize('tokens', tokens, 0);
  checkSize('hidden', hidden, 0);
  checkSize('numExperts', numExperts, 1);
  checkDType('dtype', dtype, owner.info.dtypes);
  const { routing, topK } = checkRouting(options, tokens, numExperts, owner, 'numExperts');
  checkLimit('tokens', 'maxTensorBytes', topK * tokens * hidden * DTYPES[dtype].bytes, owner);
  const call: PrepareCall = { routing, tokens, hidden, numExperts, topK, dtype };
  return backend.prepare(call) as ReturnType<B['prepare']>;
}

function checkBackend(backend: object): Backend {
  if (isBackend(backend)) return backend;
  throw invalid('INVALID_ARGUMENT', 'backend', describe(backend), 'a backend, as selectBackend gives');
}
