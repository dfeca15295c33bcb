import {
  type ArrayOf,
  Backend,
  type BackendInfo,
  type DispatchCall,
  DTYPES,
  type DType,
  type PermuteCall,
  type PlanCall,
  type PrepareCall,
  type ReduceCall,
  type RouteCall,
} from '@moe-dispatch/core';
import type { Addon, CudaDeviceInfo, NativeBackend } from './addon.js';
import { newBlock, type OperationName, writeSpec, writeTensors } from './argument-block.js';
import { readFatBinary } from './fat-binary.js';
import { type CudaMemory, checkHandle, checkMemory } from './native-arguments.js';
import { callNative, nativeError } from './native-errors.js';
import { CudaPreparedDispatch } from './prepared.js';
import { StreamScope } from './stream-scope.js';
import { CudaTensor } from './tensor.js';

/** Nothing is allocated for an empty tensor but an address. */
const LEAST_BYTES = 1;

/** Token dispatch on one NVIDIA GPU. Operations are issued on a stream and return at once. */
export class CudaBackend extends Backend<CudaTensor, CudaMemory> {
  override readonly info: BackendInfo;
  /** The device's number, as CUDA counts them. */
  readonly ordinal: number;
  /** Stands for the device's memory where tensors are compared for overlap. */
  readonly addressSpace = {};
  private readonly addon: Addon;
  private readonly native: NativeBackend;
  /** Used by one call after the other. */
  private readonly block = newBlock();
  private scopes: StreamScope[] = [];
  /** Frees what is collected without `dispose()`. */
  private readonly collected = new FinalizationRegistry<Allocation>((allocation) => {
    this.tensorDisposed(allocation as CudaTensor);
    this.giveBack(allocation.address);
  });
  private isShutDown = false;

  /** Throws ResourceError OUT_OF_MEMORY; DeviceError. */
  constructor(addon: Addon, device: CudaDeviceInfo) {
    super();
    this.addon = addon;
    this.ordinal = device.ordinal;
    this.native = callNative('cuda', () => new addon.Backend(device.ordinal, readFatBinary()));
    const { maxExperts, multiprocessors } = this.native.limits();
    this.info = {
      name: 'cuda',
      device: `${device.name}, ordinal ${device.ordinal}`,
      dtypes: Object.keys(DTYPES) as DType[],
      limits: { maxTensorBytes: device.memoryBytes, maxExperts, multiprocessors },
    };
  }

  /**
   * Issues everything on the caller's stream from now on, after what was issued before.
   * @param handle a CUstream of this device's primary context as an integer; 0 is the default stream. It has to live
   *   until the scope has ended and its work is done. While it is captured, only prepared runs and moeReduce into `out`
   *   may be issued.
   * @returns the scope: `end()`, or the end of a `using` block, goes back to the stream before.
   * @throws InvalidArgumentError INVALID_ARGUMENT; DisposedError BACKEND_DISPOSED; DeviceError
   */
  withStream(handle: bigint): StreamScope {
    this.checkUsable();
    checkHandle(handle);
    callNative('handle', () => this.native.useStream(handle));
    const scope = new StreamScope(handle, () => this.endScope(scope));
    this.scopes.push(scope);
    return scope;
  }

  override allocate(shape: readonly number[], dtype: DType, byteLength: number): CudaTensor {
    const bytes = Math.max(LEAST_BYTES, byteLength);
    const address = callNative('shape', () => this.native.allocate(bytes));
    const tensor = new CudaTensor(this, shape, dtype, byteLength, address, byteLength, false);
    this.collected.register(tensor, { address, byteLength, borrowed: false }, tensor);
    return tensor;
  }

  override upload(tensor: CudaTensor, data: ArrayOf<DType>): void {
    callNative('data', () => this.native.upload(tensor.address, data));
  }

  /** Borrows memory of the device: see CudaMemory. */
  override adopt(memory: CudaMemory, shape: readonly number[], dtype: DType, byteLength: number): CudaTensor {
    checkMemory(memory, shape, dtype, byteLength);
    const address = Number(memory.devicePtr);
    return new CudaTensor(this, shape, dtype, byteLength, address, memory.byteLength, true);
  }

  override pooledBytes(): number {
    if (this.isShutDown) return 0;
    const { reservedBytes, usedBytes } = this.native.pool();
    return reservedBytes - usedBytes;
  }

  override shutdown(): void {
    this.isShutDown = true;
    this.scopes = [];
    this.native.dispose();
  }

  override route({ routing: router, gating: gatingOutput, ...call }: RouteCall<CudaTensor>): void {
    this.issue('routeTokens', { router, gatingOutput, ...call });
  }

  override plan(call: PlanCall<CudaTensor>): void {
    this.issue('planDispatch', { hidden: 0, ...call });
  }

  override permute(call: PermuteCall<CudaTensor>): void {
    this.issue('permuteRows', { numExperts: 0, dtype: call.x.dtype, ...call });
  }

  override dispatch({ routing: router, gating: gatingOutput, ...call }: DispatchCall<CudaTensor>): void {
    this.issue('moeDispatch', { router, gatingOutput, dtype: call.x.dtype, ...call });
  }

  override reduce(call: ReduceCall<CudaTensor>): void {
    this.issue('moeReduce', { dtype: call.ffnOut.dtype, ...call });
  }

  override prepare(call: PrepareCall): CudaPreparedDispatch {
    return new CudaPreparedDispatch(this, this.addon, this.native, call);
  }

  /** The tensor's bytes after all work issued so far; JavaScript's thread does not wait. */
  async download(tensor: CudaTensor): Promise<ArrayBuffer> {
    if (tensor.byteLength === 0) return new ArrayBuffer(0);
    try {
      return await this.native.read(tensor.address, tensor.byteLength);
    } catch (error) {
      throw nativeError(error, 'tensor');
    }
  }

  /** Frees a tensor's memory after the work issued so far. */
  free(tensor: CudaTensor): void {
    this.collected.unregister(tensor);
    this.giveBack(tensor.address);
  }

  private issue<C extends { readonly tokens: number }>(operation: OperationName, call: C): void {
    writeSpec(this.block, operation, call);
    writeTensors(this.block, operation, call);
    callNative(operation, () => this.native.run(this.block));
  }

  private giveBack(address: number): void {
    // Shutting down has freed everything.
    if (!this.isShutDown) callNative('tensor', () => this.native.release(address));
  }

  private endScope(scope: StreamScope): void {
    if (!this.scopes.includes(scope)) return;
    this.scopes = this.scopes.filter((each) => each !== scope);
    callNative('stream', () => this.native.useStream(this.scopes.at(-1)?.handle ?? null));
  }
}

/** What is left of a tensor that was collected. */
interface Allocation {
  readonly address: number;
  readonly byteLength: number;
  readonly borrowed: false;
}
