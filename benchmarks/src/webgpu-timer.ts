type Record = (encoder: GPUCommandEncoder, pass: GPUComputePassDescriptor | undefined) => void;

/** Before the first measured run: at least so many, and for so long, because an idle GPU lowers its clocks. */
const WARM_UPS = 5;
const WARM_UP_MS = 300;

/** Times recorded work on a device, in µs. */
export class GpuTimer {
  /** Whether the device has timestamp queries; else wall time of submit-and-wait. */
  readonly onGpu: boolean;
  private readonly device: GPUDevice;
  private readonly runs: number;

  constructor(device: GPUDevice, runs: number) {
    this.device = device;
    this.runs = runs;
    this.onGpu = device.features.has('timestamp-query');
  }

  /**
   * The median time of one recording, after some warm-ups.
   * @param record records one compute pass with the descriptor it is given.
   */
  async time(record: Record): Promise<number> {
    const times: number[] = [];
    const start = performance.now();
    for (let run = 0; run < WARM_UPS || performance.now() - start < WARM_UP_MS; run++)
      await this.once(record);
    for (let run = 0; run < this.runs; run++) times.push(await this.once(record));
    return median(times);
  }

  private once(record: Record): Promise<number> {
    return this.onGpu ? this.timestamps(record) : this.wallTime(record);
  }

  private async wallTime(record: Record): Promise<number> {
    const start = performance.now();
    const encoder = this.device.createCommandEncoder();
    record(encoder, undefined);
    this.device.queue.submit([encoder.finish()]);
    await this.device.queue.onSubmittedWorkDone();
    return (performance.now() - start) * 1000;
  }

  private async timestamps(record: Record): Promise<number> {
    const { device } = this;
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
    // QUERY_RESOLVE | COPY_SRC, then MAP_READ | COPY_DST
    const resolved = device.createBuffer({ size: 16, usage: 0x200 | 0x4 });
    const staging = device.createBuffer({ size: 16, usage: 0x1 | 0x8 });
    const encoder = device.createCommandEncoder();
    record(encoder, { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } });
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const [begin, end] = new BigUint64Array(staging.getMappedRange());
    for (const object of [querySet, resolved, staging]) object.destroy();
    return Number(end - begin) / 1000;
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
