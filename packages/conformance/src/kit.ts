import type { Backend } from '@moe-dispatch/core';
import type { NativeMemory } from './native-memory.js';

/**
 * What the suite cannot find out by itself: given as options, or exported by a backend's package as `./conformance`,
 * where `moe-conformance` finds it.
 */
export interface ConformanceKit {
  /**
   * Memory for the cases of `backend.wrap`. Default: typed arrays, where the backend wraps those; elsewhere these cases
   * are not claimed.
   */
  nativeMemory?(backend: Backend): NativeMemory;
  /** The driver behind the device and its version, in words. */
  driver?(backend: Backend): string | undefined | Promise<string | undefined>;
}
