import { type Backend, checkLimit } from '../backend.js';
import { describe, invalid } from '../errors.js';
import type { Routing } from '../kernels.js';
import { checkBoolean, checkObject } from './values.js';

/** Rows of the permuted tensor and all int32 indices stay below this. */
const MAX_ROWS = 2 ** 31;

/** The options that moeDispatch, routeTokens and prepareDispatch share; Paddle's arguments in camelCase. */
export interface RoutingOptions {
  /** K: experts chosen for each token, 1 ≤ K ≤ E. */
  moeTopk: number;
  /** Choose one expert in each of K groups of E / K neighbours. Default false. */
  groupMoe?: boolean;
  /** The scales are the chosen gating values themselves, without a softmax. Default false. */
  topkOnlyMode?: boolean;
}

/** What the options say, each read once. */
export interface CheckedRouting {
  routing: Routing;
  topK: number;
}

/**
 * Checks the options against the sizes and says which routing they mean.
 * Codes: INVALID_ARGUMENT, INVALID_TOP_K, EXPERTS_NOT_DIVISIBLE, TOO_MANY_ROWS, LIMIT_EXCEEDED.
 */
export function checkRouting(
  options: RoutingOptions,
  tokens: number,
  numExperts: number,
  backend: Backend,
  expertsArgument = 'gatingOutput',
): CheckedRouting {
  checkObject('options', options);
  const { moeTopk, groupMoe = false, topkOnlyMode = false } = options;
  checkBoolean('groupMoe', groupMoe);
  checkBoolean('topkOnlyMode', topkOnlyMode);
  checkTopK('moeTopk', moeTopk, numExperts);
  if (groupMoe && numExperts % moeTopk !== 0) {
    throw invalid(
      'EXPERTS_NOT_DIVISIBLE',
      'moeTopk',
      `${numExperts} experts in ${moeTopk} groups`,
      'a number of experts that moeTopk divides, with groupMoe',
    );
  }
  checkRows('moeTopk', moeTopk, tokens);
  checkLimit(expertsArgument, 'maxExperts', numExperts, backend);
  const routing = topkOnlyMode ? 'topk-only' : groupMoe ? 'group' : 'softmax';
  return { routing, topK: moeTopk };
}

export function checkRows(argument: string, topK: number, tokens: number): void {
  if (topK * tokens < MAX_ROWS) return;
  throw invalid(
    'TOO_MANY_ROWS',
    argument,
    `${topK} choices × ${tokens} tokens = ${topK * tokens} rows`,
    'fewer than 2^31 rows, because indices are int32',
  );
}

export function checkTopK(argument: string, topK: unknown, numExperts: number): void {
  if (Number.isInteger(topK) && (topK as number) >= 1 && (topK as number) <= numExperts) return;
  throw invalid(
    'INVALID_TOP_K',
    argument,
    describe(topK),
    `an integer from 1 to the number of experts, ${numExperts}`,
  );
}
