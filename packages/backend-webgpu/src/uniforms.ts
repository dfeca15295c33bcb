/** UNIFORM | COPY_DST */
export const UNIFORM_USAGE = 0x40 | 0x08;
/** Bytes from one launch's params to the next's: no device asks for a larger alignment. */
export const UNIFORM_STRIDE = 256;
const MAX_KEPT = 512;
/** A buffer for more launches is not kept. */
const MAX_KEPT_LAUNCHES = 64;

/**
 * Uniform buffers by content, each for all launches of a schedule: some have tens of thousands. They are never written
 * again, so one can serve any number of runs in flight, and calls of sizes seen before allocate none.
 */
export class Uniforms {
  private readonly device: GPUDevice;
  private readonly buffers = new Map<string, GPUBuffer>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** @param launches the params of each. */
  get(launches: readonly (readonly number[])[]): GPUBuffer {
    if (launches.length > MAX_KEPT_LAUNCHES) return this.create(launches);
    const key = launches.join(';');
    const kept = this.buffers.get(key);
    if (kept !== undefined) return kept;
    // The oldest is only let go of, not destroyed: an encoder of the caller's may still hold it.
    if (this.buffers.size >= MAX_KEPT) this.buffers.delete(this.buffers.keys().next().value as string);
    const buffer = this.create(launches);
    this.buffers.set(key, buffer);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.buffers.values()) buffer.destroy();
    this.buffers.clear();
  }

  private create(launches: readonly (readonly number[])[]): GPUBuffer {
    const size = launches.length * UNIFORM_STRIDE;
    const buffer = this.device.createBuffer({ size, usage: UNIFORM_USAGE, mappedAtCreation: true });
    const words = new Uint32Array(buffer.getMappedRange());
    for (const [i, values] of launches.entries()) words.set(values, (i * UNIFORM_STRIDE) / 4);
    buffer.unmap();
    return buffer;
  }
}
