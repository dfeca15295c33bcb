import { type Backend, checkLimit } from '../backend.js';
import { describe, InvalidArgumentError } from '../errors.js';
import type { Routing } from '../kernels.js';

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

/**
 * Checks the options against the sizes and says which routing they mean.
 * Codes: INVALID_ARGUMENT, INVALID_TOP_K, EXPERTS_NOT_DIVISIBLE, TOO_MANY_ROWS, LIMIT_EXCEEDED.
 */
export function checkRouting(
  options: RoutingOptions,
  tokens: number,
  numExperts: number,
  backend: Backend,
): Routing {
  checkObject('options', options);
  const { moeTopk, groupMoe = false, topkOnlyMode = false } = options;
  checkBoolean('groupMoe', groupMoe);
  checkBoolean('topkOnlyMode', topkOnlyMode);
  checkTopK('moeTopk', moeTopk, numExperts);
  if (groupMoe && numExperts % moeTopk !== 0) {
    throw new InvalidArgumentError('EXPERTS_NOT_DIVISIBLE', {
      argument: 'moeTopk',
      found: `${numExperts} experts in ${moeTopk} groups`,
      expected: 'a number of experts that moeTopk divides, with groupMoe',
    });
  }
  checkRows('moeTopk', moeTopk, tokens);
  checkExperts('gatingOutput', numExperts, backend);
  if (topkOnlyMode) return 'topk-only';
  return groupMoe ? 'group' : 'softmax';
}

export function checkObject(
  argument: string,
  value: unknown,
  expected = 'an object',
): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw new InvalidArgumentError('INVALID_ARGUMENT', { argument, found: describe(value), expected });
}

export function checkBoolean(argument: string, value: unknown): void {
  if (typeof value === 'boolean') return;
  throw new InvalidArgumentError('INVALID_ARGUMENT', {
    argument,
    found: describe(value),
    expected: 'a boolean',
  });
}

export function checkRows(argument: string, topK: number, tokens: number): void {
  if (topK * tokens < MAX_ROWS) return;
  throw new InvalidArgumentError('TOO_MANY_ROWS', {
    argument,
    found: `${topK} choices × ${tokens} tokens = ${topK * tokens} rows`,
    expected: 'fewer than 2^31 rows, because indices are int32',
  });
}

export function checkExperts(argument: string, numExperts: number, backend: Backend): void {
  checkLimit(argument, 'maxExperts', numExperts, backend);
}

export function checkTopK(argument: string, topK: unknown, numExperts: number): void {
  if (Number.isInteger(topK) && (topK as number) >= 1 && (topK as number) <= numExperts) return;
  throw new InvalidArgumentError('INVALID_TOP_K', {
    argument,
    found: describe(topK),
    expected: `an integer from 1 to the number of experts, ${numExperts}`,
  });
}
