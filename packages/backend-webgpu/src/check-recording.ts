import { invalid } from '@moe-dispatch/core/backend';
import { checkMethods, read } from './duck-types.js';

/** Throws INVALID_ARGUMENT unless `value` can record compute passes. */
export function checkEncoder(value: unknown): asserts value is GPUCommandEncoder {
  checkMethods('encoder', value, ['beginComputePass'], 'a GPUCommandEncoder');
}

/** Throws INVALID_ARGUMENT if `work` goes on after it returned: what it calls then is not recorded. */
export function checkEnded(result: unknown): void {
  if (typeof read(result, 'then') !== 'function') return;
  const expected = 'a function that calls all its operations before it returns';
  throw invalid('INVALID_ARGUMENT', 'work', 'a function that returns a promise', expected);
}
