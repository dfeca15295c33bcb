import { type Backend, type OperationName, Prepared, type RunArguments } from '@moe-dispatch/core';
import { type Call, OPERATIONS, type Spec } from '@moe-dispatch/core/backend';
import type { Executor } from './executor.js';
import { PreparedRuns } from './prepared-runs.js';
import type { WebGpuTensor } from './webgpu-tensor.js';

/**
 * A prepared operation on a GPUDevice. Runs follow one another on the queue, so any number may be in flight. Tensors and
 * numbers of tokens met before allocate nothing at all.
 *
 * `ready` covers tensors that are the only ones in their buffers. If an input shares its buffer with an output, or a
 * wrapped tensor starts at no multiple of 16 bytes, the first such run may compile further kernels.
 */
export class WebGpuPrepared<Op extends OperationName = OperationName> extends Prepared<Op, WebGpuTensor> {
  override readonly ready: Promise<void>;
  readonly #executor: Executor;
  readonly #runs: PreparedRuns<Op>;

  constructor(backend: Backend<WebGpuTensor, GPUBuffer>, operation: Op, spec: Spec<Op>, executor: Executor) {
    super(backend as never, operation, spec);
    this.#executor = executor;
    this.#runs = new PreparedRuns(executor.context, operation, spec);
    this.ready = this.#runs.compile();
    // Whoever does not wait for it hears of the error from a read.
    this.ready.catch(() => {});
  }

  override get workspaceBytes(): number {
    return this.#runs.workspace.bytes;
  }

  /**
   * Records a run into the caller's encoder and submits nothing. Dispose neither this nor the tensors before the
   * encoder is submitted.
   *
   * Takes the encoder, what `run` takes (undefined if there are no tensors by name), and if wanted the descriptor of the
   * compute pass: a label, timestamp writes.
   * @throws as `run`; InvalidArgumentError INVALID_ARGUMENT unless `encoder` is a GPUCommandEncoder.
   */
  encode(
    encoder: GPUCommandEncoder,
    ...rest: [...RunArguments<Op>, descriptor?: GPUComputePassDescriptor]
  ): void {
    const { inputs, optional } = OPERATIONS[this.operation];
    // Behind the inputs, `out` and the tensors given by name.
    const last = inputs.length + optional.length + 2;
    const descriptor = rest[last] as GPUComputePassDescriptor | undefined;
    const run: (...given: never) => void = this.run;
    this.#executor.record(encoder, () => run(...(rest.slice(0, last) as never)), descriptor);
  }

  protected override execute(call: Call<Op, WebGpuTensor>): void {
    this.#executor.run(this.operation, call, () => this.#runs.commands(call));
  }

  protected override release(): void {
    this.#runs.release();
  }
}
