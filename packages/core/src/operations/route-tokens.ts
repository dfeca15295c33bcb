import { readOptions } from '../checks/options.js';
import type { RouterOptions } from '../router.js';
import { checkTensor, type Tensor } from '../tensor.js';
import type { AnyCall, Outputs } from './call.js';
import { CHECK_INPUTS } from './inputs.js';
import { fillRouter, ROUTING_OPTIONS } from './moe-dispatch.js';
import { outNames, perform, readOut } from './perform.js';
import type { RoutingResult } from './results.js';

/** How routeTokens routes, and where its results go. */
export interface RouteTokensOptions extends RouterOptions {
  /** Tensors to write the results into, instead of new ones. Neither may overlap the input or the other. */
  out?: Outputs<'routeTokens'> | undefined;
}

/**
 * The first stage: chooses each token's experts and their scales.
 * @param gatingOutput [T, E] or [B, S, E], float32.
 * @throws InvalidArgumentError, DisposedError, ResourceError, as moeDispatch.
 */
export function routeTokens<T extends Tensor>(
  gatingOutput: T,
  options: RouteTokensOptions,
): RoutingResult<T> {
  const given = readOptions<RouteTokensOptions>(options, ROUTING_OPTIONS);
  const out = readOut('routeTokens', given.out);
  checkTensor('gatingOutput', gatingOutput);
  const { backend } = gatingOutput;
  const call = { dtype: 'float32', hidden: 0, gatingOutput } as Partial<AnyCall> as AnyCall;
  CHECK_INPUTS.routeTokens(call, backend, (name) => name);
  fillRouter(call, given, backend);
  return perform('routeTokens', backend, call, out, outNames('routeTokens')) as unknown as RoutingResult<T>;
}
