import type { RouterOptions } from '../router.js';
import type { Tensor } from '../tensor.js';
import { checkExperts, type Request } from './inputs.js';
import {
  checkForExperts,
  type ReadRouter,
  ROUTER_ARGUMENTS,
  type RouterArguments,
  readRouter,
} from './read-router.js';
import { ROUTER_TENSORS } from './table.js';

/** The tensors of a router, each of the backend of the gating. Most routers need none. */
export interface RouterTensors {
  /** [E] float32: added to the scores for the choice of experts, not for their weights. */
  eScoreCorrectionBias?: Tensor | null | undefined;
  /** [E] float32: a factor on the weights of each expert. */
  perExpertScale?: Tensor | null | undefined;
  /** [1] float32: a factor on every weight. */
  globalScale?: Tensor | null | undefined;
  /** [T, S] float32: gating of shared experts, whose scores join the sum that `normTopkProb` divides by. */
  sharedLogits?: Tensor | null | undefined;
  /** [T, K] int32: the experts, if they are chosen already; −1 for a choice that goes nowhere. */
  expertIds?: Tensor | null | undefined;
  /** [T] uint8: 0 for a padding token, which goes to no expert. */
  tokenMask?: Tensor | null | undefined;
}

/** How to route: Paddle's arguments or a router, and the router's tensors. */
export type RoutingOptions = RouterOptions & RouterTensors;

/** The names of {@link RoutingOptions} and `out`. */
export const ROUTING_OPTIONS = [...ROUTER_ARGUMENTS, ...ROUTER_TENSORS, 'out'] as const;

/** The router of the options, to be read before tensors are checked: a getter of the router's may dispose one. */
export function routerOf(given: RouterArguments & RouterTensors): ReadRouter {
  return readRouter(
    given,
    ROUTER_TENSORS.filter((name) => (given[name] ?? null) !== null),
  );
}

/** Checks the router that a call was made from, once its inputs are checked. */
export function checkRouter(request: Request, router: ReadRouter): void {
  checkExperts(router.call.topK, request, router.topKName, 'gatingOutput');
  checkForExperts(router, request.call.numExperts);
}
