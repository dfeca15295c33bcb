import {
  type DispatchCall,
  type DispatchTensors,
  DTYPES,
  type Out,
  type PrepareCall,
  PreparedDispatch,
} from '@moe-dispatch/core';
import { checkEncoder } from './check-recording.js';
import { dispatch, dispatchOutputs } from './operations/dispatch.js';
import { Rehearsal } from './rehearsal.js';
import { KeptScratch } from './scratch.js';
import { Steps } from './steps.js';
import type { WebGpuBackend } from './webgpu-backend.js';
import type { WebGpuTensor } from './webgpu-tensor.js';

/** Sets of tensors whose bindings are kept. */
const KEPT_BINDINGS = 8;

interface Binding {
  readonly tensors: readonly { buffer: GPUBuffer; byteOffset: number }[];
  readonly steps: Steps;
}

/**
 * moeDispatch for one fixed size on a GPUDevice. Runs follow one another on the queue, so any number may be in
 * flight. Tensors met before allocate nothing at all.
 */
export class WebGpuPreparedDispatch extends PreparedDispatch<WebGpuTensor> {
  override readonly ready: Promise<void>;
  private readonly owner: WebGpuBackend;
  private readonly scratch: KeptScratch;
  private readonly bindings: Binding[] = [];

  constructor(backend: WebGpuBackend, spec: PrepareCall) {
    super(backend, spec);
    this.owner = backend;
    this.scratch = new KeptScratch(backend.context.pool);
    const rehearsal = new Rehearsal(backend.context, this.scratch);
    dispatch(rehearsal, standInCall(spec));
    this.ready = rehearsal.compile();
    // Whoever does not wait for it hears of the error from a read.
    this.ready.catch(() => {});
  }

  /** Bytes of scratch memory held until `dispose()`. */
  get workspaceBytes(): number {
    return this.scratch.bytes;
  }

  /**
   * Records a run into the caller's encoder and submits nothing. Dispose neither this nor the tensors before the
   * encoder is submitted.
   * @param descriptor of its compute pass: a label, timestamp writes.
   * @throws as `run`; InvalidArgumentError INVALID_ARGUMENT for an `encoder` that is none.
   */
  encode(
    encoder: GPUCommandEncoder,
    x: WebGpuTensor,
    gatingOutput: WebGpuTensor,
    out: Out<DispatchTensors<WebGpuTensor>, WebGpuTensor>,
    descriptor?: GPUComputePassDescriptor,
  ): void {
    checkEncoder(encoder);
    try {
      this.bind(this.check(x, gatingOutput, out)).encode(encoder, descriptor);
    } finally {
      this.forget();
    }
  }

  protected override execute(call: DispatchCall<WebGpuTensor>): void {
    const record = (encoder: GPUCommandEncoder): Steps => {
      const steps = this.bind(call);
      steps.encode(encoder);
      return steps;
    };
    this.owner.submit(record, [call.x, call.gating], dispatchOutputs(call));
  }

  protected override release(): void {
    this.scratch.release();
    this.bindings.length = 0;
  }

  /** The steps for these tensors: those of an earlier run with the same memory, or new ones. */
  private bind(call: DispatchCall<WebGpuTensor>): Steps {
    const tensors = [call.x, call.gating, ...dispatchOutputs(call)];
    const known = this.bindings.find((binding) =>
      binding.tensors.every(({ buffer, byteOffset }, i) => {
        return buffer === tensors[i].buffer && byteOffset === tensors[i].byteOffset;
      }),
    );
    if (known !== undefined) return known.steps;
    this.scratch.restart();
    const steps = new Steps(this.owner.context, this.scratch);
    dispatch(steps, call);
    if (this.bindings.length === KEPT_BINDINGS) this.bindings.shift();
    this.bindings.push({ tensors: tensors.map(({ buffer, byteOffset }) => ({ buffer, byteOffset })), steps });
    return steps;
  }
}

/** A call of those sizes whose tensors have no memory: enough to know what will be needed. */
function standInCall(spec: PrepareCall): DispatchCall<WebGpuTensor> {
  const { tokens, hidden, numExperts, topK, dtype } = spec;
  const tensor = (elements: number, bytes: number): WebGpuTensor =>
    ({ dtype, byteOffset: 0, byteLength: elements * bytes }) as WebGpuTensor;
  const rowBytes = hidden * DTYPES[dtype].bytes;
  return {
    ...{ routing: spec.routing, tokens, hidden, numExperts, topK },
    x: tensor(tokens, rowBytes),
    gating: tensor(tokens * numExperts, 4),
    permuteInput: tensor(tokens * topK, rowBytes),
    tokenNumsPerExpert: tensor(numExperts, 8),
    expertOffsets: tensor(numExperts + 1, 4),
    permuteIndicesPerToken: tensor(tokens * topK, 4),
    expertScalesFloat: tensor(tokens * topK, 4),
    topKIndices: tensor(tokens * topK, 4),
  };
}
