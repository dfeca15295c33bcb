import { type ArrayOf, DTYPES, type DType } from '@moe-dispatch/core';
import { STORAGE_USAGE } from './buffer-pool.js';
import type { WebGpuBackend } from './webgpu-backend.js';

/* For the suite @moe-dispatch/conformance, which finds it as this package's export `./conformance`. */

/** The memory that `wrap` borrows: buffers of the backend's device. They are left to the garbage collector. */
export function nativeMemory({ device }: WebGpuBackend) {
  return {
    make(data: ArrayOf<DType>): GPUBuffer {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const size = Math.max(Math.ceil(bytes.length / 4), 1) * 4;
      const buffer = device.createBuffer({ size, usage: STORAGE_USAGE, mappedAtCreation: true });
      new Uint8Array(buffer.getMappedRange()).set(bytes);
      buffer.unmap();
      return buffer;
    },
    read: (native: unknown, dtype: DType, elements: number) =>
      readBuffer(device, native as GPUBuffer, dtype, elements),
  };
}

async function readBuffer(
  device: GPUDevice,
  buffer: GPUBuffer,
  dtype: DType,
  elements: number,
): Promise<ArrayOf<DType>> {
  // COPY_DST | MAP_READ
  const staging = device.createBuffer({ size: buffer.size, usage: 0x9 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const { ArrayType, bytes } = DTYPES[dtype];
  const copy = new ArrayType(staging.getMappedRange().slice(0, elements * bytes));
  staging.destroy();
  return copy;
}
