import { type Backend, type OperationName, Prepared } from '@moe-dispatch/core';
import type { Call, Spec } from '@moe-dispatch/core/backend';
import type { Addon, NativeBackend, NativePrepared } from './addon.js';
import { type Implemented, newBlock, writeSpec, writeTensors } from './argument-block.js';
import type { CudaMemory } from './native-arguments.js';
import { callNative, nativeError } from './native-errors.js';
import type { CudaTensor } from './tensor.js';

/** An operation whose `run` launches kernels and does nothing else, so that it can be captured in a CUDA graph. */
export class CudaPrepared<Op extends OperationName = OperationName> extends Prepared<Op, CudaTensor> {
  private readonly native: NativePrepared;
  private readonly block = newBlock();

  constructor(
    backend: Backend<CudaTensor, CudaMemory>,
    operation: Op,
    spec: Spec<Op>,
    addon: Addon,
    native: NativeBackend,
  ) {
    super(backend as never, operation, spec);
    writeSpec(this.block, operation as Implemented, spec);
    this.native = callNative('prepare', () => new addon.Prepared(native, this.block));
  }

  override get workspaceBytes(): number {
    return this.native.workspaceBytes;
  }

  protected override execute(call: Call<Op, CudaTensor>): void {
    writeTensors(this.block, this.operation as Implemented, call);
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
