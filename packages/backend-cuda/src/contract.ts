import {
  type ArrayOf,
  type Backend,
  DTYPES,
  type DType,
  type OperationName,
  type Prepared,
} from '@moe-dispatch/core';
import type {
  BackendContract,
  BackendLimits,
  Operations,
  Spec,
  TensorSpec,
} from '@moe-dispatch/core/backend';
import type { Addon, CudaDeviceInfo, NativeBackend } from './addon.js';
import {
  type AnySpec,
  IMPLEMENTED,
  type Implemented,
  newBlock,
  writeSpec,
  writeTensors,
} from './argument-block.js';
import { DeviceMemory } from './device-memory.js';
import { readFatBinary } from './fat-binary.js';
import type { CudaMemory } from './native-arguments.js';
import { callNative } from './native-errors.js';
import { CudaPrepared } from './prepared.js';
import type { CudaTensor } from './tensor.js';

/** What the CUDA backend does for core. Operations are issued on a stream and return at once. */
export class CudaContract implements BackendContract<CudaTensor, CudaMemory> {
  readonly name = 'cuda';
  readonly device: string;
  readonly dtypes = Object.keys(DTYPES) as DType[];
  readonly limits: BackendLimits;
  readonly operations: Operations<CudaTensor> = Object.fromEntries(
    IMPLEMENTED.map((operation) => [operation, (call: AnySpec) => this.issue(operation, call)]),
  );
  private readonly addon: Addon;
  private readonly native: NativeBackend;
  private readonly memory: DeviceMemory;
  /** Used by one call after the other. */
  private readonly block = newBlock();

  /** Throws ResourceError OUT_OF_MEMORY; DeviceError. */
  constructor(addon: Addon, device: CudaDeviceInfo) {
    this.addon = addon;
    this.device = `${device.name}, ordinal ${device.ordinal}`;
    this.native = callNative('cuda', () => new addon.Backend(device.ordinal, readFatBinary()));
    this.memory = new DeviceMemory(this.native);
    this.limits = { maxTensorBytes: device.memoryBytes, ...this.native.limits() };
  }

  allocate(spec: TensorSpec): CudaTensor {
    return this.memory.allocate(spec);
  }

  upload(tensor: CudaTensor, data: ArrayOf<DType>): void {
    this.memory.upload(tensor, data);
  }

  adopt(native: CudaMemory, spec: TensorSpec, byteOffset: number): CudaTensor {
    return this.memory.adopt(native, spec, byteOffset);
  }

  prepare<Op extends OperationName>(
    backend: Backend<CudaTensor, CudaMemory>,
    operation: Op,
    spec: Spec<Op>,
  ): Prepared<Op, CudaTensor> {
    return new CudaPrepared(backend, operation, spec, this.addon, this.native);
  }

  pooledBytes(): number {
    return this.memory.pooledBytes();
  }

  shutdown(): void {
    this.memory.close();
    this.native.dispose();
  }

  /** Issues on this stream from now on, after what was issued before; null for the backend's own. */
  useStream(argument: string, handle: bigint | null): void {
    callNative(argument, () => this.native.useStream(handle));
  }

  private issue(operation: Implemented, call: AnySpec): void {
    writeSpec(this.block, operation, call);
    writeTensors(this.block, operation, call);
    callNative(operation, () => this.native.run(this.block));
  }
}
