import { ResourceError } from '@moe-dispatch/core';

/** What `make` makes. @throws ResourceError OUT_OF_MEMORY */
export function allocated<A>(make: () => A, request: string): A {
  try {
    return make();
  } catch (cause) {
    throw outOfMemory(request, cause);
  }
}

export function outOfMemory(request: string, cause?: unknown): ResourceError {
  return new ResourceError('OUT_OF_MEMORY', {
    argument: 'memory',
    found: `a request of ${request}`,
    expected: 'what this JavaScript engine can still allocate',
    cause,
  });
}
