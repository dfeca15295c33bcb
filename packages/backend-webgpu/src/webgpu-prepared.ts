import {
  type DispatchCall,
  type DispatchTensors,
  type Out,
  type PrepareCall,
  PreparedDispatch,
} from '@moe-dispatch/core';
import type { Executor } from './executor.js';
import { PreparedRuns } from './prepared-runs.js';
import type { WebGpuBackend } from './webgpu-backend.js';
import type { WebGpuTensor } from './webgpu-tensor.js';

/**
 * moeDispatch for one fixed size on a GPUDevice. Runs follow one another on the queue, so any number may be in
 * flight. Tensors met before allocate nothing at all.
 */
export class WebGpuPreparedDispatch extends PreparedDispatch<WebGpuTensor> {
  override readonly ready: Promise<void>;
  private readonly executor: Executor;
  private readonly runs: PreparedRuns<'moeDispatch'>;

  constructor(backend: WebGpuBackend, spec: PrepareCall) {
    super(backend, spec);
    this.executor = backend.executor;
    this.runs = new PreparedRuns(backend.executor.context, 'moeDispatch', { ...spec, router: spec.routing });
    this.ready = this.runs.compile();
    // Whoever does not wait for it hears of the error from a read.
    this.ready.catch(() => {});
  }

  /** Bytes of workspace held until `dispose()`. */
  get workspaceBytes(): number {
    return this.runs.workspace.bytes;
  }

  /**
   * Records a run into the caller's encoder and submits nothing. Dispose neither this nor the tensors before the
   * encoder is submitted.
   * @param descriptor of its compute pass: a label, timestamp writes.
   * @throws as `run`; InvalidArgumentError INVALID_ARGUMENT if `encoder` is no GPUCommandEncoder.
   */
  encode(
    encoder: GPUCommandEncoder,
    x: WebGpuTensor,
    gatingOutput: WebGpuTensor,
    out: Out<DispatchTensors<WebGpuTensor>, WebGpuTensor>,
    descriptor?: GPUComputePassDescriptor,
  ): void {
    this.executor.record(encoder, () => this.run(x, gatingOutput, out), descriptor);
  }

  protected override execute(call: DispatchCall<WebGpuTensor>): void {
    const known = call as DispatchCall<WebGpuTensor> & {
      dtype: never;
      router: never;
      gatingOutput: WebGpuTensor;
    };
    Object.assign(known, { dtype: call.x.dtype, router: call.routing, gatingOutput: call.gating });
    this.executor.run('moeDispatch', known, () => this.runs.commands(known));
  }

  protected override release(): void {
    this.runs.release();
  }
}
