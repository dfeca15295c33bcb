import { readOptions } from '../checks/options.js';
import type { Tensor } from '../tensor.js';
import type { Outputs } from './call.js';
import { checkedRequest } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { RoutingResult } from './results.js';
import { checkRouter, ROUTING_OPTIONS, type RoutingOptions, routerOf } from './routing-options.js';

/** How routeTokens routes, and where its results go. */
export type RouteTokensOptions = RoutingOptions & {
  /** Tensors to write the results into, instead of new ones. Neither may overlap the input or the other. */
  out?: Outputs<'routeTokens'> | undefined;
};

const NAMES = argumentNames('routeTokens');

/**
 * The first stage: chooses each token's experts and their weights.
 * @param gatingOutput [T, E] or [B, S, E], float32, float16 or bfloat16.
 * @throws InvalidArgumentError, DisposedError, ResourceError, as moeDispatch.
 */
export function routeTokens<T extends Tensor>(
  gatingOutput: T,
  options: RouteTokensOptions,
): RoutingResult<T> {
  const given = readOptions<RouteTokensOptions>(options, ROUTING_OPTIONS);
  const out = readOut('routeTokens', given.out);
  const router = routerOf(given);
  const { call } = router;
  call.gatingOutput = gatingOutput;
  const request = checkedRequest('routeTokens', call, NAMES, given);
  checkRouter(request, router);
  return perform('routeTokens', request, out) as unknown as RoutingResult<T>;
}
