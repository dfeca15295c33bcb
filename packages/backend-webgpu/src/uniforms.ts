/** UNIFORM | COPY_DST */
export const UNIFORM_USAGE = 0x40 | 0x08;
const MAX_KEPT = 512;

/**
 * Uniform buffers by content. They are never written again, so one can serve any number of launches in flight,
 * and calls of sizes seen before allocate none.
 */
export class Uniforms {
  readonly #device: GPUDevice;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(values: readonly number[]): GPUBuffer {
    const key = values.join();
    let buffer = this.#buffers.get(key);
    if (buffer !== undefined) return buffer;
    buffer = this.#device.createBuffer({
      size: Math.ceil(values.length / 4) * 16,
      usage: UNIFORM_USAGE,
      mappedAtCreation: true,
    });
    new Uint32Array(buffer.getMappedRange()).set(values);
    buffer.unmap();
    // The oldest is only let go of, not destroyed: an encoder of the caller's may still hold it.
    if (this.#buffers.size >= MAX_KEPT) this.#buffers.delete(this.#buffers.keys().next().value as string);
    this.#buffers.set(key, buffer);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }
}
