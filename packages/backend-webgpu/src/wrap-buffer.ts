import { describe, invalid } from '@moe-dispatch/core/backend';
import { STORAGE_USAGE } from './buffer-pool.js';
import type { DeviceContext } from './device-context.js';

/**
 * Throws unless a tensor of `byteLength` bytes can live in the caller's buffer at `byteOffset`.
 * Codes: INVALID_ARGUMENT, BUFFER_TOO_SMALL.
 */
export function checkWrapped(
  { isBuffer }: DeviceContext,
  native: unknown,
  byteOffset: number,
  byteLength: number,
): asserts native is GPUBuffer {
  if (!isBuffer(native)) throw invalid('INVALID_ARGUMENT', 'native', describe(native), 'a GPUBuffer');
  if ((native.usage & STORAGE_USAGE) !== STORAGE_USAGE) {
    const found = `usage 0x${native.usage.toString(16)}`;
    throw invalid('INVALID_ARGUMENT', 'native', found, 'the usages STORAGE, COPY_SRC and COPY_DST');
  }
  if (byteOffset % 4 !== 0) {
    throw invalid('INVALID_ARGUMENT', 'byteOffset', String(byteOffset), 'a multiple of 4');
  }
  // Shaders and copies take whole words.
  const needed = Math.ceil(byteLength / 4) * 4;
  const room = native.size - byteOffset;
  if (room >= needed) return;
  const found = `${native.size} bytes, ${room} from byteOffset on`;
  throw invalid('BUFFER_TOO_SMALL', 'native', found, `at least ${needed} bytes from byteOffset on`);
}

/**
 * Recognises a GPUBuffer, of whatever device, among objects that only look like one. The class is taken from a buffer:
 * it is no global in Node.
 */
export function bufferCheck(buffer: GPUBuffer): (value: unknown) => value is GPUBuffer {
  const BufferClass = buffer.constructor;
  const usage = Object.getOwnPropertyDescriptor(BufferClass.prototype, 'usage')?.get;
  return (value): value is GPUBuffer => {
    try {
      // The getter throws for what only inherits from a buffer, or stands for one. Dawn's crashes for other classes.
      return value instanceof BufferClass && (usage === undefined || Number.isInteger(usage.call(value)));
    } catch {
      return false;
    }
  };
}
