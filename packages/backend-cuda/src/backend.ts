import { Backend } from '@moe-dispatch/core';
import { checkUsable } from '@moe-dispatch/core/backend';
import type { Addon, CudaDeviceInfo } from './addon.js';
import { CudaContract } from './contract.js';
import { type CudaMemory, checkHandle } from './native-arguments.js';
import { StreamScope } from './stream-scope.js';
import type { CudaTensor } from './tensor.js';

/** Token dispatch on one NVIDIA GPU. Operations are issued on a stream and return at once. */
export class CudaBackend extends Backend<CudaTensor, CudaMemory> {
  /** The device's number, as CUDA counts them. */
  readonly ordinal: number;
  readonly #contract: CudaContract;
  #scopes: StreamScope[] = [];

  /** Throws ResourceError OUT_OF_MEMORY; DeviceError. */
  constructor(addon: Addon, device: CudaDeviceInfo) {
    const contract = new CudaContract(addon, device);
    super(contract);
    this.#contract = contract;
    this.ordinal = device.ordinal;
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
    checkUsable(this as never);
    checkHandle(handle);
    this.#contract.useStream('handle', handle);
    const scope = new StreamScope(handle, () => this.#endScope(scope));
    this.#scopes.push(scope);
    return scope;
  }

  override dispose(): void {
    this.#scopes = [];
    super.dispose();
  }

  #endScope(scope: StreamScope): void {
    if (!this.#scopes.includes(scope)) return;
    this.#scopes = this.#scopes.filter((each) => each !== scope);
    this.#contract.useStream('stream', this.#scopes.at(-1)?.handle ?? null);
  }
}
