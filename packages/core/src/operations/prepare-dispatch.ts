import { type Backend, isBackend } from '../backend.js';
import { checkObject, checkRouting, type RoutingOptions } from '../checks/routing.js';
import { checkSize } from '../checks/shape.js';
import { checkDType, type DType } from '../dtypes.js';
import { describe, InvalidArgumentError } from '../errors.js';
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

/** What prepareDispatch asks of a backend; `P` is what that backend's `prepare` gives. */
export interface Preparing<P> {
  prepare(call: PrepareCall): P;
}

/**
 * Makes everything that moeDispatch needs for one size ahead of time, so that each run allocates nothing.
 * @returns the backend's PreparedDispatch: `workspaceBytes`, `run(x, gatingOutput, out)`, `dispose()`.
 * @throws InvalidArgumentError, ResourceError, as moeDispatch does for the same sizes.
 */
export function prepareDispatch<P>(backend: Preparing<P>, options: PrepareDispatchOptions): P {
  checkObject('options', options);
  const owner = checkBackend(backend);
  const { tokens, hidden, numExperts, dtype, moeTopk } = options;
  checkSize('tokens', tokens, 0);
  checkSize('hidden', hidden, 0);
  checkSize('numExperts', numExperts, 1);
  checkDType('dtype', dtype, owner.info.dtypes);
  const routing = checkRouting(options, tokens, numExperts, owner);
  return backend.prepare({ routing, tokens, hidden, numExperts, topK: moeTopk, dtype });
}

function checkBackend(backend: object): Backend {
  if (isBackend(backend)) return backend;
  throw new InvalidArgumentError('INVALID_ARGUMENT', {
    argument: 'backend',
    found: describe(backend),
    expected: 'a backend, as selectBackend gives',
  });
}
