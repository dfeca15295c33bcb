import { readOptions } from '../checks/options.js';
import type { Tensor } from '../tensor.js';
import type { Outputs } from './call.js';
import { checkedRequest } from './inputs.js';
import { argumentNames, perform, readOut } from './perform.js';
import type { DispatchResult } from './results.js';
import { checkRouter, ROUTING_OPTIONS, type RoutingOptions, routerOf } from './routing-options.js';

/** How moeDispatch routes, and where its results go. */
export type MoeDispatchOptions = RoutingOptions & {
  /** Tensors to write the results into, instead of new ones. None may overlap an input or another output. */
  out?: Outputs<'moeDispatch'> | undefined;
};

const NAMES = argumentNames('moeDispatch');

/**
 * Routes each token to its K best experts and gathers the tokens' rows by expert: Paddle's
 * `paddle.incubate.nn.functional.moe_dispatch`, or any `router`, exact to the last bit as docs/semantics.md says. It gives
 * the same bytes as routeTokens, planDispatch and permuteRows in a row.
 *
 * @param x [T, D] or [B, S, D] with T = B·S, any dtype of the backend; rows are moved as bytes.
 * @param gatingOutput [T, E] or [B, S, E], float32, float16 or bfloat16.
 * @throws InvalidArgumentError, DisposedError, ResourceError: docs/semantics.md, "Bad input".
 */
export function moeDispatch<T extends Tensor>(
  x: T,
  gatingOutput: Tensor,
  options: MoeDispatchOptions,
): DispatchResult<T> {
  const given = readOptions<MoeDispatchOptions>(options, ROUTING_OPTIONS);
  const out = readOut('moeDispatch', given.out);
  const router = routerOf(given);
  const { call } = router;
  call.x = x;
  call.gatingOutput = gatingOutput;
  const request = checkedRequest('moeDispatch', call, NAMES, given);
  checkRouter(request, router);
  return perform('moeDispatch', request, out) as unknown as DispatchResult<T>;
}
