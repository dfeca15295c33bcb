import { readOptions } from '../checks/options.js';
import { checkGroups } from '../checks/sizes.js';
import { ROUTER_FLAGS, type RouterOptions, routerOf } from '../router.js';
import type { Tensor } from '../tensor.js';
import type { Outputs } from './call.js';
import { checkExperts, checkedRequest, type Request } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { DispatchResult } from './results.js';

/** How moeDispatch routes, and where its results go. */
export interface MoeDispatchOptions extends RouterOptions {
  /** Tensors to write the results into, instead of new ones. None may overlap an input or another output. */
  out?: Outputs<'moeDispatch'> | undefined;
}

/** The names of routing options and `out`. */
export const ROUTING_OPTIONS = ['moeTopk', ...ROUTER_FLAGS, 'out'] as const;
const NAMES = argumentNames('moeDispatch');

/**
 * Routes each token to its `moeTopk` best experts and gathers the tokens' rows by expert: Paddle's
 * `paddle.incubate.nn.functional.moe_dispatch`, exact as docs/semantics.md says. It gives the same bytes as
 * routeTokens, planDispatch and permuteRows in a row.
 *
 * @param x [T, D] or [B, S, D] with T = B·S, any dtype of the backend; rows are moved as bytes.
 * @param gatingOutput [T, E] or [B, S, E], float32.
 * @throws InvalidArgumentError, DisposedError, ResourceError: docs/semantics.md, "Bad input".
 */
export function moeDispatch<T extends Tensor>(
  x: T,
  gatingOutput: Tensor,
  options: MoeDispatchOptions,
): DispatchResult<T> {
  const given = readOptions<MoeDispatchOptions>(options, ROUTING_OPTIONS);
  const out = readOut('moeDispatch', given.out);
  const request = checkedRequest('moeDispatch', { x, gatingOutput }, NAMES);
  fillRouter(request, given);
  return perform('moeDispatch', request, out) as unknown as DispatchResult<T>;
}

/** Writes the router and K into a call whose sizes are known. */
export function fillRouter(request: Request, given: Partial<RouterOptions>): void {
  const { call } = request;
  call.router = routerOf(given);
  checkExperts(given.moeTopk, request, 'moeTopk', 'gatingOutput');
  call.topK = given.moeTopk as number;
  checkGroups(given.groupMoe, call.numExperts, call.topK);
}
