import {
  type ArrayOf,
  Backend,
  type BackendInfo,
  DeviceError,
  type DispatchCall,
  type DType,
  type PermuteCall,
  type PlanCall,
  type PrepareCall,
  type ReduceCall,
  type RouteCall,
} from '@moe-dispatch/core';
import { checkEncoder, checkEnded } from './check-recording.js';
import { type DeviceContext, describeDevice, makeContext } from './device-context.js';
import { faultOf, firstFault } from './faults.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import { dispatch, dispatchOutputs, planOutputs } from './operations/dispatch.js';
import { permute } from './operations/permute.js';
import { plan } from './operations/plan.js';
import { reduce } from './operations/reduce.js';
import { route } from './operations/route.js';
import { readBack } from './read-back.js';
import { OwnScratch, PooledScratch } from './scratch.js';
import { Steps } from './steps.js';
import { upload } from './upload.js';
import { WebGpuPreparedDispatch } from './webgpu-prepared-dispatch.js';
import { WebGpuTensor } from './webgpu-tensor.js';
import { checkWrapped } from './wrap-buffer.js';

/** Where a wrapped tensor starts. */
export interface WrapOptions {
  /** Bytes into the buffer, a multiple of 4. Default 0. */
  byteOffset?: number;
}

/**
 * Dispatch on one GPUDevice. Operations record and submit; nothing waits, nothing is read back before `read()`.
 *
 * WebGPU reports errors later: a tensor whose memory or content could not be made rejects its `read()`, and
 * `settled()` rejects with what no read has told.
 */
export class WebGpuBackend extends Backend<WebGpuTensor, GPUBuffer, WrapOptions> {
  readonly info: BackendInfo;
  /** The device that it works on: the backend's own, or the one given to `webgpu({ device })`. */
  readonly device: GPUDevice;
  /** Resolves when the device is lost; so it does after `dispose()`, where the device is the backend's own. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  /** For this package: what is kept for the device. */
  readonly context: DeviceContext;
  /** For this package: what the device came from. Kept, because Dawn's in Node takes its devices along when collected. */
  readonly gpu: GPU | undefined;
  private readonly ownsDevice: boolean;
  private lostInfo: GPUDeviceLostInfo | undefined;
  private recording:
    | { encoder: GPUCommandEncoder; descriptor: GPUComputePassDescriptor | undefined }
    | undefined;

  /**
   * @param ownsDevice whether `dispose()` destroys the device.
   * @param gpu what the device came from, where it is known.
   * @param arithmetic how far the device's float32 is trusted: what `findArithmetic` found.
   * @throws BackendUnavailableError where the device allows less than the kernels need.
   */
  constructor(device: GPUDevice, ownsDevice: boolean, gpu?: GPU, arithmetic: Arithmetic = 'integers') {
    super();
    this.device = device;
    this.gpu = gpu;
    this.ownsDevice = ownsDevice;
    this.context = makeContext(device, arithmetic);
    this.info = describeDevice(device, this.context);
    this.lost = device.lost;
    this.lost.then((info) => {
      this.lostInfo = info;
    });
    if (!ownsDevice) return;
    device.addEventListener('uncapturederror', ({ error }) => {
      this.context.faults.report(faultOf('uncaptured', 'the device', error));
    });
  }

  /**
   * Waits for all work submitted so far. Rejects with the first error that no `read()` has told of; a lost device
   * with DEVICE_LOST.
   */
  async settled(): Promise<void> {
    this.checkUsable();
    await this.device.queue.onSubmittedWorkDone();
    await this.context.faults.settled();
    this.checkUsable();
  }

  /**
   * Records the operations that `work` calls into the caller's encoder, where they would otherwise be submitted at
   * once. Errors of the recording are the encoder's. Dispose no tensor that they use before the submit.
   * @param descriptor of their compute passes: a label, timestamp writes.
   * @throws InvalidArgumentError INVALID_ARGUMENT for an `encoder` that is none, and for `work` that returns a promise.
   */
  record(encoder: GPUCommandEncoder, work: () => void, descriptor?: GPUComputePassDescriptor): void {
    this.checkUsable();
    checkEncoder(encoder);
    this.recording = { encoder, descriptor };
    try {
      checkEnded(work());
    } finally {
      this.recording = undefined;
    }
  }

  /** @throws DisposedError BACKEND_DISPOSED; DeviceError DEVICE_LOST. */
  override checkUsable(): void {
    super.checkUsable();
    if (this.lostInfo !== undefined) throw deviceLost(this.lostInfo);
  }

  override allocate(shape: readonly number[], dtype: DType, byteLength: number): WebGpuTensor {
    const buffer = this.context.pool.acquire(byteLength, `a tensor [${shape.join(', ')}] of ${dtype}`);
    return new WebGpuTensor(this, shape, dtype, byteLength, { buffer, byteOffset: 0, borrowed: false });
  }

  override upload(tensor: WebGpuTensor, data: ArrayOf<DType>): void {
    const { fault } = this.context.faults.watch('the upload', () => upload(this.device.queue, tensor, data));
    tensor.writtenBy(this.context.faults.track(fault));
  }

  /**
   * `wrap` takes a GPUBuffer of this device with the usages STORAGE, COPY_SRC and COPY_DST. The tensor's last word
   * must be whole; bytes of it that are not the tensor's keep their value.
   */
  override adopt(
    native: GPUBuffer,
    shape: readonly number[],
    dtype: DType,
    byteLength: number,
    { byteOffset = 0 }: WrapOptions = {},
  ): WebGpuTensor {
    checkWrapped(native, byteOffset, byteLength);
    return new WebGpuTensor(this, shape, dtype, byteLength, { buffer: native, byteOffset, borrowed: true });
  }

  override pooledBytes(): number {
    return this.context.pool.freeBytes;
  }

  override shutdown(): void {
    this.context.pool.destroy();
    this.context.uniforms.destroy();
    if (this.ownsDevice) this.device.destroy();
  }

  override route(call: RouteCall<WebGpuTensor>): void {
    this.issue([call.gating], [call.topKIndices, call.expertScalesFloat], (steps) =>
      route(steps, call, false),
    );
  }

  override plan(call: PlanCall<WebGpuTensor>): void {
    this.issue([call.topKIndices], planOutputs(call), (steps) => plan(steps, call));
  }

  override permute(call: PermuteCall<WebGpuTensor>): void {
    const inputs = [call.x, call.permuteIndicesPerToken];
    this.issue(inputs, [call.permuteInput], (steps) => permute(steps, call));
  }

  override dispatch(call: DispatchCall<WebGpuTensor>): void {
    this.issue([call.x, call.gating], dispatchOutputs(call), (steps) => dispatch(steps, call));
  }

  override reduce(call: ReduceCall<WebGpuTensor>): void {
    const { ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices, ffn2Bias } = call;
    const inputs = [ffnOut, expertScalesFloat, permuteIndicesPerToken, topKIndices];
    if (ffn2Bias !== null) inputs.push(ffn2Bias);
    this.issue(inputs, [call.output], (steps) => reduce(steps, call));
  }

  override prepare(call: PrepareCall): WebGpuPreparedDispatch {
    return new WebGpuPreparedDispatch(this, call);
  }

  /** For this package: a copy of a tensor's elements, or what went wrong with them. */
  async readBuffer(tensor: WebGpuTensor): Promise<ArrayBuffer> {
    const { faults } = this.context;
    const earlier = tensor.faults();
    const { value: copy, fault } = faults.watch(
      'the copy to read',
      () => readBack(this.device, tensor),
      BOTH,
    );
    const [error, copied] = await Promise.all([firstFault([...earlier, fault]), outcome(copy)]);
    if (error !== undefined) {
      faults.told(error);
      throw error;
    }
    if ('value' in copied) return copied.value;
    // The device may say only a little later that it is lost.
    await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS))]);
    this.checkUsable();
    throw new DeviceError('DEVICE_ERROR', {
      argument: 'tensor',
      found: String(copied.cause),
      expected: 'a device that copies it out',
      cause: copied.cause,
    });
  }

  /** For this package: submits what `record` records, and ties what goes wrong with it to the tensors it writes. */
  submit(
    record: (encoder: GPUCommandEncoder) => Steps,
    inputs: readonly WebGpuTensor[],
    outputs: readonly WebGpuTensor[],
  ): void {
    const { value: steps, fault } = this.context.faults.watch('the submitted work', () => {
      const encoder = this.device.createCommandEncoder();
      const recorded = record(encoder);
      this.device.queue.submit([encoder.finish()]);
      return recorded;
    });
    // What an operation works on comes first: it explains errors of the work itself.
    const before = [...inputs.flatMap((tensor) => tensor.faults()), ...steps.faults()];
    for (const tensor of outputs) before.push(...tensor.memoryFaults());
    const work = this.context.faults.track(firstFault([...before, fault]));
    for (const tensor of outputs) tensor.writtenBy(work);
  }

  private issue(
    inputs: readonly WebGpuTensor[],
    outputs: readonly WebGpuTensor[],
    build: (steps: Steps) => void,
  ): void {
    if (this.recording !== undefined) {
      // The encoder may be submitted any time, so what it uses is left to the garbage collector.
      const steps = new Steps(this.context, new OwnScratch(this.device));
      build(steps);
      steps.encode(this.recording.encoder, this.recording.descriptor);
      return;
    }
    const scratch = new PooledScratch(this.context.pool);
    try {
      this.submit(
        (encoder) => {
          const steps = new Steps(this.context, scratch);
          build(steps);
          steps.encode(encoder);
          return steps;
        },
        inputs,
        outputs,
      );
    } finally {
      scratch.release();
    }
  }
}

/** How long a failed read waits for the news that the device is lost. */
const LOSS_NOTICE_MS = 100;
const BOTH = ['validation', 'out-of-memory'] as const;

function outcome<V>(promise: Promise<V>): Promise<{ value: V } | { cause: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (cause: unknown) => ({ cause }),
  );
}

function deviceLost({ reason, message }: GPUDeviceLostInfo): DeviceError {
  return new DeviceError('DEVICE_LOST', {
    argument: 'backend',
    found: `a lost device (${reason}): ${message}`,
    expected: 'a working device: make a new backend, and its tensors anew',
  });
}
