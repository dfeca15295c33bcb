import { inspect } from 'node:util';
import { DTYPES, type DType, InvalidArgumentError } from '@moe-dispatch/core';

/** Device memory of the caller's, as `wrap` borrows it. */
export interface CudaMemory {
  /** Address on the backend's device, in its primary context. */
  devicePtr: bigint;
  /** Bytes that may be used from there on. */
  byteLength: number;
}

const MAX_ADDRESS = BigInt(Number.MAX_SAFE_INTEGER);

export function checkMemory(
  memory: CudaMemory,
  shape: readonly number[],
  dtype: DType,
  byteLength: number,
): void {
  if (typeof memory !== 'object' || memory === null) {
    throw invalid('native', describe(memory), '{ devicePtr: bigint, byteLength: number }');
  }
  const { devicePtr, byteLength: available } = memory;
  const size = BigInt(DTYPES[dtype].bytes);
  if (typeof devicePtr !== 'bigint' || devicePtr < 0n || devicePtr > MAX_ADDRESS || devicePtr % size !== 0n) {
    throw invalid(
      'native',
      `devicePtr ${describe(devicePtr)}`,
      `as devicePtr the address of device memory, a multiple of ${size}`,
    );
  }
  if (!Number.isSafeInteger(available) || available < 0) {
    throw invalid('native', `byteLength ${describe(available)}`, 'as byteLength a number of bytes');
  }
  if (available >= byteLength) return;
  throw new InvalidArgumentError('BUFFER_TOO_SMALL', {
    argument: 'native',
    found: `memory of ${available} bytes`,
    expected: `at least ${byteLength} bytes for shape [${shape.join(', ')}] of ${dtype}`,
  });
}

export function checkHandle(handle: unknown): void {
  if (typeof handle === 'bigint' && handle >= 0n && handle < 1n << 64n) return;
  throw invalid('handle', describe(handle), 'a CUstream as a bigint of 64 bits');
}

function describe(value: unknown): string {
  return inspect(value, { depth: 0 }).slice(0, 80);
}

function invalid(argument: string, found: string, expected: string): InvalidArgumentError {
  return new InvalidArgumentError('INVALID_ARGUMENT', { argument, found, expected });
}

export function checkOrdinal(ordinal: unknown): void {
  if (typeof ordinal === 'number' && Number.isInteger(ordinal) && ordinal >= 0) return;
  throw invalid('ordinal', describe(ordinal), 'the number of a device, from 0');
}
