import type { BackendLimits } from '../contract.js';
import { ResourceError } from '../errors.js';

/** Throws LIMIT_EXCEEDED, naming the limit, the request and the maximum. */
export function checkLimit(
  argument: string,
  limit: 'maxTensorBytes' | 'maxExperts' | 'maxTopK',
  request: number,
  limits: BackendLimits,
): void {
  const maximum = limits[limit];
  if (maximum === undefined || request <= maximum) return;
  throw new ResourceError('LIMIT_EXCEEDED', {
    argument,
    found: `a request of ${request}`,
    expected: `at most ${limit} = ${maximum}`,
  });
}
