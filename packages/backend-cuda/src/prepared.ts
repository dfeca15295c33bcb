import { type DispatchCall, type PrepareCall, PreparedDispatch } from '@moe-dispatch/core';
import type { Addon, NativeBackend, NativePrepared } from './addon.js';
import { newBlock, writeSpec, writeTensors } from './argument-block.js';
import type { CudaBackend } from './backend.js';
import { callNative, nativeError } from './native-errors.js';
import type { CudaTensor } from './tensor.js';

/** moeDispatch whose `run` launches kernels and does nothing else, so that it can be captured in a CUDA graph. */
export class CudaPreparedDispatch extends PreparedDispatch<CudaTensor> {
  private readonly native: NativePrepared;
  private readonly block = newBlock();

  constructor(backend: CudaBackend, addon: Addon, native: NativeBackend, call: PrepareCall) {
    super(backend, call);
    writeSpec(this.block, 'moeDispatch', { ...call, router: call.routing });
    this.native = callNative('prepareDispatch', () => new addon.Prepared(native, this.block));
  }

  override get workspaceBytes(): number {
    return this.native.workspaceBytes;
  }

  protected override execute(call: DispatchCall<CudaTensor>): void {
    (call as any).gatingOutput = call.gating;
    writeTensors(this.block, 'moeDispatch', call);
    try {
      this.native.run(this.block);
    } catch (error) {
      throw nativeError(error, 'run');
    }
  }

  protected override release(): void {
    this.native.dispose();
  }
}
