import { InvalidArgumentError } from '@moe-dispatch/core';
import { STORAGE_USAGE } from './buffer-pool.js';

/**
 * Throws unless a tensor of `byteLength` bytes can live in the caller's buffer at `byteOffset`.
 * Codes: INVALID_ARGUMENT, BUFFER_TOO_SMALL.
 */
export function checkWrapped(
  native: unknown,
  byteOffset: unknown,
  byteLength: number,
): asserts native is GPUBuffer {
  if (!isBuffer(native)) throw invalid('native', `a ${typeof native} that is none`, 'a GPUBuffer');
  if ((native.usage & STORAGE_USAGE) !== STORAGE_USAGE) {
    throw invalid(
      'native',
      `usage 0x${native.usage.toString(16)}`,
      'the usages STORAGE, COPY_SRC and COPY_DST',
    );
  }
  if (!Number.isSafeInteger(byteOffset) || (byteOffset as number) < 0 || (byteOffset as number) % 4 !== 0) {
    throw invalid('options.byteOffset', String(byteOffset), 'a non-negative multiple of 4');
  }
  // Shaders and copies take whole words.
  const needed = Math.ceil(byteLength / 4) * 4;
  const room = native.size - (byteOffset as number);
  if (room >= needed) return;
  throw new InvalidArgumentError('BUFFER_TOO_SMALL', {
    argument: 'native',
    found: `${native.size} bytes, ${room} from byteOffset on`,
    expected: `at least ${needed} bytes from byteOffset on`,
  });
}

function isBuffer(value: unknown): value is GPUBuffer {
  return (
    typeof value === 'object' && value !== null && 'usage' in value && 'size' in value && 'mapState' in value
  );
}

function invalid(argument: string, found: string, expected: string): InvalidArgumentError {
  return new InvalidArgumentError('INVALID_ARGUMENT', { argument, found, expected });
}
