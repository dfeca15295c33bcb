import { ResourceError } from '@moe-dispatch/core';

/** What `make` makes. @throws ResourceError OUT_OF_MEMORY if the engine cannot */
export function allocated<A>(size: string, make: () => A): A {
  try {
    return make();
  } catch (cause) {
    throw new ResourceError('OUT_OF_MEMORY', {
      argument: 'memory',
      found: `a request of ${size}`,
      expected: 'what this JavaScript engine can still allocate',
      cause,
    });
  }
}

/** A new array for a workspace. @throws ResourceError OUT_OF_MEMORY */
export function workspaceArray<A>(ArrayType: new (length: number) => A, length: number): A {
  return allocated(`${length} elements`, () => new ArrayType(length));
}
