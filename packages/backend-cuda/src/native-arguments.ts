import { DTYPES } from '@moe-dispatch/core';
import { describe, invalid, readProperties, type TensorSpec } from '@moe-dispatch/core/backend';

/** Device memory of the caller's, as `wrap` borrows it. */
export interface CudaMemory {
  /** Address on the backend's device, in its primary context. */
  readonly devicePtr: bigint;
  /** Bytes that may be used from there on. */
  readonly byteLength: number;
}

const MAX_ADDRESS = BigInt(Number.MAX_SAFE_INTEGER);
const EXPECTED = '{ devicePtr: bigint, byteLength: number }';

/** Reads each property once, and checks that the tensor lies inside, aligned for its dtype. */
export function readMemory(native: unknown, spec: TensorSpec, byteOffset: number): CudaMemory {
  const { devicePtr, byteLength } = readProperties(
    'native',
    native as CudaMemory,
    ['devicePtr', 'byteLength'],
    EXPECTED,
  );
  const size = BigInt(DTYPES[spec.dtype].bytes);
  if (typeof devicePtr !== 'bigint' || devicePtr < 0n || devicePtr > MAX_ADDRESS || devicePtr % size !== 0n) {
    const expected = `as devicePtr the address of device memory, a bigint and a multiple of ${size}`;
    throw invalid('INVALID_ARGUMENT', 'native', `devicePtr ${describe(devicePtr)}`, expected);
  }
  if (!Number.isSafeInteger(byteLength) || (byteLength as number) < 0) {
    const found = `byteLength ${describe(byteLength)}`;
    throw invalid('INVALID_ARGUMENT', 'native', found, 'as byteLength a number of bytes');
  }
  const memory = { devicePtr, byteLength: byteLength as number };
  if (memory.byteLength >= byteOffset + spec.byteLength) return memory;
  const from = byteOffset > 0 ? ` from byteOffset ${byteOffset} on` : '';
  throw invalid(
    'BUFFER_TOO_SMALL',
    'native',
    `memory of ${memory.byteLength} bytes`,
    `at least ${spec.byteLength} bytes${from} for shape [${spec.shape.join(', ')}] of ${spec.dtype}`,
  );
}

export function checkHandle(handle: unknown): void {
  if (typeof handle === 'bigint' && handle >= 0n && handle < 1n << 64n) return;
  throw invalid('INVALID_ARGUMENT', 'handle', describe(handle), 'a CUstream as a bigint of 64 bits');
}

export function checkOrdinal(ordinal: unknown): void {
  if (typeof ordinal === 'number' && Number.isInteger(ordinal) && ordinal >= 0) return;
  throw invalid('INVALID_ARGUMENT', 'ordinal', describe(ordinal), 'the number of a device, from 0');
}
