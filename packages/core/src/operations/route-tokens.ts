import { readOptions } from '../checks/options.js';
import type { RouterOptions } from '../router.js';
import type { Tensor } from '../tensor.js';
import type { Outputs } from './call.js';
import { checkedRequest } from './inputs.js';
import { fillRouter, ROUTING_OPTIONS } from './moe-dispatch.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { RoutingResult } from './results.js';

/** How routeTokens routes, and where its results go. */
export interface RouteTokensOptions extends RouterOptions {
  /** Tensors to write the results into, instead of new ones. Neither may overlap the input or the other. */
  out?: Outputs<'routeTokens'> | undefined;
}

const NAMES = argumentNames('routeTokens');

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
  const request = checkedRequest('routeTokens', { dtype: 'float32', hidden: 0, gatingOutput }, NAMES);
  fillRouter(request, given);
  return perform('routeTokens', request, out) as unknown as RoutingResult<T>;
}
