import type { Backend } from '@moe-dispatch/core';
import type { Level } from './levels/levels.js';
import type { NativeMemory } from './native-memory.js';

/**
 * What the suite cannot find out on its own: pass it as options, or export it from the backend's package as
 * `./conformance`, where `moe-conformance` finds it.
 */
export interface ConformanceKit {
  /**
   * Memory for the cases of `backend.wrap`. Default: typed arrays if the backend wraps those; otherwise these cases are
   * not claimed.
   */
  nativeMemory?(backend: Backend): NativeMemory;
  /** The driver behind the device and its version, in words. */
  driver?(backend: Backend): string | undefined | Promise<string | undefined>;
  /** How near its routing comes, if less near than `exact` says (docs/levels.md): what is as near passes. */
  level?(backend: Backend): Level | undefined;
}
