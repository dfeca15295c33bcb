import { type ArrayOf, type Backend, DTYPES, type DType, type OperationName } from '@moe-dispatch/core';
import type {
  BackendContract,
  BackendLimits,
  Operations,
  Spec,
  TensorSpec,
} from '@moe-dispatch/core/backend';
import { describeDevice, makeContext } from './device-context.js';
import { maxExperts, maxTensorBytes } from './device-limits.js';
import { Executor } from './executor.js';
import { faultOf } from './faults.js';
import type { Arithmetic } from './kernels/reduce-rows.wgsl.js';
import { SCHEDULERS } from './operations/index.js';
import { upload } from './upload.js';
import { WebGpuPrepared } from './webgpu-prepared.js';
import { WebGpuTensor } from './webgpu-tensor.js';
import { checkWrapped } from './wrap-buffer.js';

/** What the WebGPU backend does for core. */
export class WebGpuContract implements BackendContract<WebGpuTensor, GPUBuffer> {
  readonly name = 'webgpu';
  readonly device: string;
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits: BackendLimits;
  readonly operations: Operations<WebGpuTensor>;
  readonly executor: Executor;
  /** What the device came from. Kept, because Dawn's in Node takes its devices along when collected. */
  readonly gpu: GPU | undefined;
  readonly #ownsDevice: boolean;

  /** @throws BackendUnavailableError if the device allows less than the kernels need. */
  constructor(device: GPUDevice, ownsDevice: boolean, gpu: GPU | undefined, arithmetic: Arithmetic) {
    const context = makeContext(device, arithmetic);
    const { limits, faults } = context;
    this.executor = new Executor(context);
    this.device = describeDevice(device);
    this.limits = { ...limits, maxTensorBytes: maxTensorBytes(limits), maxExperts: maxExperts(limits) };
    this.operations = operationsOf(this.executor);
    this.gpu = gpu;
    this.#ownsDevice = ownsDevice;
    if (!ownsDevice) return;
    device.addEventListener('uncapturederror', ({ error }) => {
      faults.report(faultOf('uncaptured', 'the device', error));
    });
  }

  allocate(spec: TensorSpec): WebGpuTensor {
    const what = `a tensor [${spec.shape.join(', ')}] of ${spec.dtype}`;
    const buffer = this.executor.context.pool.acquire(spec.byteLength, what);
    return new WebGpuTensor(spec, this.executor, buffer, 0);
  }

  upload(tensor: WebGpuTensor, data: ArrayOf<DType>): void {
    const { faults, device } = this.executor.context;
    const { fault } = faults.watch('the upload', () => upload(device.queue, tensor, data));
    tensor.writtenBy(faults.track(fault));
  }

  /**
   * Borrows a GPUBuffer of this device with the usages STORAGE, COPY_SRC and COPY_DST, from a multiple of 4 bytes on.
   * The tensor's last word must be whole; bytes of it that are not the tensor's keep their value.
   */
  adopt(native: GPUBuffer, spec: TensorSpec, byteOffset: number): WebGpuTensor {
    checkWrapped(this.executor.context, native, byteOffset, spec.byteLength);
    return new WebGpuTensor(spec, this.executor, native, byteOffset);
  }

  prepare<Op extends OperationName>(
    backend: Backend<WebGpuTensor, GPUBuffer>,
    operation: Op,
    spec: Spec<Op>,
  ): WebGpuPrepared<Op> {
    return new WebGpuPrepared(backend, operation, spec, this.executor);
  }

  pooledBytes(): number {
    return this.executor.context.pool.freeBytes;
  }

  checkUsable(): void {
    this.executor.checkNotLost();
  }

  shutdown(): void {
    const { pool, uniforms, device } = this.executor.context;
    pool.destroy();
    uniforms.destroy();
    if (this.#ownsDevice) device.destroy();
  }
}

function operationsOf(executor: Executor): Operations<WebGpuTensor> {
  const names = Object.keys(SCHEDULERS) as OperationName[];
  const entries = names.map((name) => [name, (call: never) => executor.issue(name, call)]);
  return Object.fromEntries(entries);
}
