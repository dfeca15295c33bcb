import {
  type ArrayOf,
  Backend,
  type BackendInfo,
  type DispatchCall,
  type DType,
  type PermuteCall,
  type PlanCall,
  type PrepareCall,
  type ReduceCall,
  type RouteCall,
} from '@moe-dispatch/core';
import { type DeviceContext, describeDevice, makeContext } from './device-context.js';
import { Executor } from './executor.js';
import { faultOf } from './faults.js';
import { upload } from './upload.js';
import { WebGpuPreparedDispatch } from './webgpu-prepared.js';
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
  /** For this package. */
  readonly executor: Executor;

  /**
   * @param ownsDevice whether `dispose()` destroys the device.
   * @param gpu what the device came from, where it is known.
   * @throws BackendUnavailableError where the device allows less than the kernels need.
   */
  constructor(device: GPUDevice, ownsDevice: boolean, gpu?: GPU) {
    super();
    this.device = device;
    this.gpu = gpu;
    this.ownsDevice = ownsDevice;
    this.context = makeContext(device);
    this.executor = new Executor(this.context);
    this.info = describeDevice(device, this.context);
    this.lost = device.lost;
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
    this.executor.record(encoder, work, descriptor);
  }

  /** @throws DisposedError BACKEND_DISPOSED; DeviceError DEVICE_LOST. */
  override checkUsable(): void {
    super.checkUsable();
    this.executor.checkNotLost();
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
    this.executor.issue('routeTokens', renamed(call));
  }

  override plan(call: PlanCall<WebGpuTensor>): void {
    this.executor.issue('planDispatch', renamed(call));
  }

  override permute(call: PermuteCall<WebGpuTensor>): void {
    this.executor.issue('permuteRows', renamed(call));
  }

  override dispatch(call: DispatchCall<WebGpuTensor>): void {
    this.executor.issue('moeDispatch', renamed(call));
  }

  override reduce(call: ReduceCall<WebGpuTensor>): void {
    this.executor.issue('moeReduce', renamed(call));
  }

  override prepare(call: PrepareCall): WebGpuPreparedDispatch {
    return new WebGpuPreparedDispatch(this, call);
  }
}

function renamed(call: object): never {
  const old = call as Record<string, WebGpuTensor>;
  return {
    ...old,
    router: old.routing,
    gatingOutput: old.gating,
    dtype: (old.x ?? old.ffnOut)?.dtype,
  } as never;
}
