import { Backend, type OperationName } from '@moe-dispatch/core';
import { checkUsable } from '@moe-dispatch/core/backend';
import type { Executor } from './executor.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import { WebGpuContract } from './webgpu-contract.js';
import type { WebGpuPrepared } from './webgpu-prepared.js';
import type { WebGpuTensor } from './webgpu-tensor.js';

/**
 * Dispatch on one GPUDevice. Operations record and submit; nothing waits, nothing is read back before `read()`.
 * `wrap` borrows GPUBuffers of the device with the usages STORAGE, COPY_SRC and COPY_DST, from a multiple of 4 bytes on.
 *
 * WebGPU reports errors later: a tensor whose memory or content could not be made rejects its `read()`, and
 * `settled()` rejects with errors that no read has reported.
 */
export class WebGpuBackend extends Backend<WebGpuTensor, GPUBuffer> {
  declare readonly preparedTypes?: { readonly [Op in OperationName]: WebGpuPrepared<Op> };
  /** The device that it works on: the backend's own, or the one given to `webgpu({ device })`. */
  readonly device: GPUDevice;
  /** Resolves when the device is lost; `dispose()` loses the backend's own. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  readonly #executor: Executor;

  /**
   * @param ownsDevice whether `dispose()` destroys the device.
   * @param gpu what the device came from, if it is known.
   * @param arithmetic how far the device's float32 is trusted: what `findArithmetic` found.
   * @throws BackendUnavailableError if the device allows less than the kernels need.
   */
  constructor(device: GPUDevice, ownsDevice: boolean, gpu?: GPU, arithmetic: Arithmetic = 'integers') {
    const contract = new WebGpuContract(device, ownsDevice, gpu, arithmetic);
    super(contract);
    this.device = device;
    this.lost = device.lost;
    this.#executor = contract.executor;
  }

  /**
   * Waits for all work submitted so far. Rejects with the first error that no `read()` has reported; with DEVICE_LOST if
   * the device is lost.
   */
  async settled(): Promise<void> {
    checkUsable(this);
    await this.device.queue.onSubmittedWorkDone();
    await this.#executor.context.faults.settled();
    checkUsable(this);
  }

  /**
   * Records what `work` calls, operations and prepared runs, into the caller's encoder; they would otherwise be
   * submitted at once. Inside, another `record` takes over until its own work ends. Errors of the recording are the
   * encoder's. Dispose no tensor that they use before the submit.
   * @param descriptor of their compute passes: a label, timestamp writes.
   * @throws InvalidArgumentError INVALID_ARGUMENT unless `encoder` is a GPUCommandEncoder, and if `work` returns a
   *   promise.
   */
  record(encoder: GPUCommandEncoder, work: () => void, descriptor?: GPUComputePassDescriptor): void {
    checkUsable(this);
    this.#executor.record(encoder, work, descriptor);
  }
}
