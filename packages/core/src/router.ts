import { checkBoolean } from './checks/values.js';

/**
 * How experts are chosen and what their scales are (docs/semantics.md, "Choosing experts" and "Scales"). Handle it
 * exhaustively, with a `Record<Router, …>` or a `switch`, so that a new one cannot be mistaken for an old one.
 */
export const ROUTERS = ['softmax', 'group', 'topk-only'] as const;

/** One of {@link ROUTERS}. `topk-only` covers `topkOnlyMode` with and without `groupMoe`. */
export type Router = (typeof ROUTERS)[number];

/** Paddle's arguments that say how to route, in camelCase. */
export interface RouterOptions {
  /** K: experts chosen for each token, 1 ≤ K ≤ E. */
  moeTopk: number;
  /** Choose one expert in each of K groups of E / K neighbours. Default false. */
  groupMoe?: boolean | undefined;
  /** The scales are the chosen gating values themselves, without a softmax. Default false. */
  topkOnlyMode?: boolean | undefined;
}

/** The names of Paddle's arguments that become a {@link Router}. */
export const ROUTER_FLAGS = ['groupMoe', 'topkOnlyMode'] as const;

/** The router that Paddle's booleans mean. @throws InvalidArgumentError INVALID_ARGUMENT */
export function routerOf({ groupMoe = false, topkOnlyMode = false }: Partial<RouterOptions>): Router {
  checkBoolean('groupMoe', groupMoe);
  checkBoolean('topkOnlyMode', topkOnlyMode);
  if (topkOnlyMode) return 'topk-only';
  return groupMoe ? 'group' : 'softmax';
}
