import { type DispatchCall, DTYPES, type PrepareCall, PreparedDispatch } from '@moe-dispatch/core';
import type { Addon, DispatchAddresses, NativeBackend, NativeDispatch } from './addon.js';
import type { CudaBackend } from './backend.js';
import { callNative, nativeError } from './native-errors.js';
import { ROUTINGS } from './routings.js';
import type { CudaTensor } from './tensor.js';

/** moeDispatch whose `run` launches kernels and does nothing else, so that it can be captured in a CUDA graph. */
export class CudaPreparedDispatch extends PreparedDispatch<CudaTensor> {
  private readonly native: NativeDispatch;

  constructor(backend: CudaBackend, addon: Addon, native: NativeBackend, call: PrepareCall) {
    super(backend, call);
    const { routing, tokens, numExperts, topK, hidden, dtype } = call;
    const rowBytes = hidden * DTYPES[dtype].bytes;
    this.native = callNative(
      'prepareDispatch',
      () => new addon.Dispatch(native, ROUTINGS.indexOf(routing), tokens, numExperts, topK, rowBytes),
    );
  }

  override get workspaceBytes(): number {
    return this.native.workspaceBytes;
  }

  protected override execute(call: DispatchCall<CudaTensor>): void {
    try {
      this.native.run(...dispatchAddresses(call));
    } catch (error) {
      throw nativeError(error, 'run');
    }
  }

  protected override release(): void {
    this.native.dispose();
  }
}

/** In the order in which the addon takes them (native/addon/operations.h, read_pointers). */
export function dispatchAddresses(call: DispatchCall<CudaTensor>): DispatchAddresses {
  return [
    call.x.address,
    call.gating.address,
    call.permuteInput.address,
    call.tokenNumsPerExpert.address,
    call.expertOffsets.address,
    call.permuteIndicesPerToken.address,
    call.expertScalesFloat.address,
    call.topKIndices.address,
  ];
}
