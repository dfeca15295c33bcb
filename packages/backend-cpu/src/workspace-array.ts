import { allocated } from './allocated.js';

/** A new array for a workspace. @throws ResourceError OUT_OF_MEMORY */
export function workspaceArray<A>(ArrayType: new (length: number) => A, length: number): A {
  return allocated(() => new ArrayType(length), `${length} elements`);
}
