import { invalid } from '@moe-dispatch/core';

/** Throws INVALID_ARGUMENT unless `value` can record compute passes. */
export function checkEncoder(value: unknown): asserts value is GPUCommandEncoder {
  if (typeof (value as Partial<GPUCommandEncoder> | null)?.beginComputePass === 'function') return;
  const found = value === null ? 'null' : `a value of type ${typeof value} without beginComputePass`;
  throw invalid('INVALID_ARGUMENT', 'encoder', found, 'a GPUCommandEncoder');
}

/** Throws INVALID_ARGUMENT where `work` went on after it returned: what it calls then is not recorded. */
export function checkEnded(result: unknown): void {
  if (typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then !== 'function') return;
  const expected = 'a function that calls all its operations before it returns';
  throw invalid('INVALID_ARGUMENT', 'work', 'a function that returns a promise', expected);
}
