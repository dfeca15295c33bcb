import type { ArrayOf, DType } from '@moe-dispatch/core';
import type { LedgerEntry, TensorSpec } from '@moe-dispatch/core/backend';
import type { NativeBackend } from './addon.js';
import { type CudaMemory, readMemory } from './native-arguments.js';
import { callNative, nativeError } from './native-errors.js';
import { CudaTensor } from './tensor.js';

/** An empty tensor needs an address all the same. */
const LEAST_BYTES = 1;

/** Memory of one device, for the tensors in it. All of it is one address space: offsets are addresses. */
export class DeviceMemory {
  private readonly native: NativeBackend;
  private isClosed = false;
  /** Frees what is collected without `dispose()`. */
  private readonly collected = new FinalizationRegistry<Collected>(({ address, entry }) => {
    entry.close();
    this.giveBack(address);
  });

  constructor(native: NativeBackend) {
    this.native = native;
  }

  allocate(spec: TensorSpec): CudaTensor {
    const bytes = Math.max(LEAST_BYTES, spec.byteLength);
    const address = callNative('shape', () => this.native.allocate(bytes));
    const tensor = new CudaTensor(spec, this, address, spec.byteLength);
    this.collected.register(tensor, { address, entry: spec.entry }, tensor);
    return tensor;
  }

  upload(tensor: CudaTensor, data: ArrayOf<DType>): void {
    callNative('data', () => this.native.upload(tensor.address, data));
  }

  adopt(native: CudaMemory, spec: TensorSpec, byteOffset: number): CudaTensor {
    const { devicePtr, byteLength } = readMemory(native, spec, byteOffset);
    return new CudaTensor(spec, this, Number(devicePtr) + byteOffset, byteLength - byteOffset);
  }

  /** The tensor's bytes after all work issued so far; JavaScript's thread does not wait. */
  async download({ address, byteLength }: CudaTensor): Promise<ArrayBuffer> {
    if (byteLength === 0) return new ArrayBuffer(0);
    try {
      return await this.native.read(address, byteLength);
    } catch (error) {
      throw nativeError(error, 'tensor');
    }
  }

  /** Frees a tensor's memory after the work issued so far. */
  free(tensor: CudaTensor): void {
    this.collected.unregister(tensor);
    this.giveBack(tensor.address);
  }

  pooledBytes(): number {
    if (this.isClosed) return 0;
    const { reservedBytes, usedBytes } = this.native.pool();
    return reservedBytes - usedBytes;
  }

  /** The backend has been shut down, which freed everything. */
  close(): void {
    this.isClosed = true;
  }

  private giveBack(address: number): void {
    if (!this.isClosed) callNative('tensor', () => this.native.release(address));
  }
}

/** What is left of a tensor that was collected. */
interface Collected {
  readonly address: number;
  readonly entry: LedgerEntry;
}
