import { DeviceError, ResourceError } from '@moe-dispatch/core';

const OUT_OF_MEMORY = 2;
/** After these the process's context can do nothing any more. */
const LOST = new Set([4, 46, 214, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719]);

/** The error of core for what the addon threw: it carries the driver's result code as `cuda`. */
export function nativeError(error: unknown, argument: string): unknown {
  const result = (error as { cuda?: unknown } | null)?.cuda;
  if (typeof result !== 'number') return error;
  const { message } = error as Error;
  if (result === OUT_OF_MEMORY) {
    return new ResourceError('OUT_OF_MEMORY', {
      argument,
      found: message,
      expected: 'enough free memory on the device: dispose() what is no longer needed',
      cause: error,
    });
  }
  const code = LOST.has(result) ? 'DEVICE_LOST' : 'DEVICE_ERROR';
  const expected = 'a device that does what it is asked';
  return new DeviceError(code, { argument, found: message, expected, cause: error });
}

/** Runs a call of the addon. Throws ResourceError OUT_OF_MEMORY, DeviceError DEVICE_LOST, DEVICE_ERROR. */
export function callNative<R>(argument: string, call: () => R): R {
  try {
    return call();
  } catch (error) {
    throw nativeError(error, argument);
  }
}
