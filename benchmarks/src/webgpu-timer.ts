type Record = (encoder: GPUCommandEncoder, pass: GPUComputePassDescriptor | undefined) => void;

const WARM_UPS = 5;
/** How long the GPU is kept busy before it is timed: an idle one lowers its clocks, and small work does not raise them. */
const LOAD_US = 300_000;

/** Times recorded work on a device, in µs. */
export class GpuTimer {
  /** Whether the device has timestamp queries; else wall time of submit-and-wait. */
  readonly onGpu: boolean;
  private readonly device: GPUDevice;
  private readonly runs: number;
  private load: { record: Record; us: number } | undefined;

  constructor(device: GPUDevice, runs: number) {
    this.device = device;
    this.runs = runs;
    this.onGpu = device.features.has('timestamp-query');
  }

  /** Keeps the GPU busy with this work before all that is timed from now on. */
  async loadWith(record: Record): Promise<void> {
    this.load = { record, us: await this.time(record) };
  }

  /**
   * The median time of one recording, after some warm-ups.
   * @param record records one compute pass with the descriptor it is given.
   */
  async time(record: Record): Promise<number> {
    return median(this.onGpu ? await this.timestamps(record) : await this.wallTimes(record));
  }

  private async wallTimes(record: Record): Promise<number[]> {
    const times: number[] = [];
    for (let run = 0; run < WARM_UPS + this.runs; run++) {
      const start = performance.now();
      const encoder = this.device.createCommandEncoder();
      record(encoder, undefined);
      this.device.queue.submit([encoder.finish()]);
      await this.device.queue.onSubmittedWorkDone();
      if (run >= WARM_UPS) times.push((performance.now() - start) * 1000);
    }
    return times;
  }

  /** Load, warm-ups and runs follow one another without a pause; each run is a pass between two timestamps. */
  private async timestamps(record: Record): Promise<number[]> {
    const { device } = this;
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * this.runs });
    const size = 16 * this.runs;
    // QUERY_RESOLVE | COPY_SRC, then MAP_READ | COPY_DST
    const resolved = device.createBuffer({ size, usage: 0x200 | 0x4 });
    const staging = device.createBuffer({ size, usage: 0x1 | 0x8 });
    const encoder = device.createCommandEncoder();
    for (let run = 0; run < WARM_UPS; run++) record(encoder, undefined);
    for (let run = 0; run < this.runs; run++) {
      const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * run, 2 * run + 1];
      record(encoder, { timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } });
    }
    encoder.resolveQuerySet(querySet, 0, 2 * this.runs, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    device.queue.submit([...this.recordLoad(), encoder.finish()]);
    await staging.mapAsync(1);
    const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
    for (const object of [querySet, resolved, staging]) object.destroy();
    return Array.from(
      { length: this.runs },
      (_, run) => Number(stamps[2 * run + 1] - stamps[2 * run]) / 1000,
    );
  }

  private recordLoad(): GPUCommandBuffer[] {
    if (this.load === undefined) return [];
    const encoder = this.device.createCommandEncoder();
    for (let us = 0; us < LOAD_US; us += this.load.us) this.load.record(encoder, undefined);
    return [encoder.finish()];
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
