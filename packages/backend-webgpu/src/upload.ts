import type { WebGpuTensor } from './webgpu-tensor.js';

/** Bytes written at once: a larger staging copy could fail where the parts do not. */
const PART_BYTES = 2 ** 26;

/** Copies `data`, which fills the tensor, into it, ordered before all work submitted later. */
export function upload(
  queue: GPUQueue,
  { buffer, byteOffset }: WebGpuTensor,
  data: ArrayBufferView<ArrayBuffer>,
): void {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += PART_BYTES) {
    queue.writeBuffer(buffer, byteOffset + at, bytes.subarray(at, Math.min(at + PART_BYTES, whole)));
  }
  if (whole === bytes.length) return;
  const rest = new Uint8Array(4);
  rest.set(bytes.subarray(whole));
  queue.writeBuffer(buffer, byteOffset + whole, rest);
}
