import type { WebGpuTensor } from './webgpu-tensor.js';

/** MAP_READ | COPY_DST */
const STAGING_USAGE = 0x01 | 0x08;
/** GPUMapMode.READ */
const MAP_READ = 1;

/** Copies a tensor's bytes out. The copy is submitted before this returns, so later work does not show in it. */
export async function readBack(
  device: GPUDevice,
  { buffer, byteOffset, byteLength }: Pick<WebGpuTensor, 'buffer' | 'byteOffset' | 'byteLength'>,
): Promise<ArrayBuffer> {
  if (byteLength === 0) return new ArrayBuffer(0);
  const size = Math.ceil(byteLength / 4) * 4;
  const staging = device.createBuffer({ size, usage: STAGING_USAGE });
  try {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, byteOffset, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_READ);
    return staging.getMappedRange().slice(0, byteLength);
  } finally {
    staging.destroy();
  }
}
