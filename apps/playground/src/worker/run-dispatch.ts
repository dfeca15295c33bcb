import {
  type Backend,
  type DispatchResult,
  type DType,
  moeDispatch,
  moeReduce,
  type Tensor,
} from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { DispatchView } from '../protocol.js';
import type { OpenBackends } from './backends.js';
import { compareOutputs } from './compare.js';
import type { DispatchInput } from './input.js';
import { followTokens, isFloat } from './journey.js';

/** The outputs of moeDispatch, and of moeReduce on them, in plain memory. */
export interface HostOutputs {
  readonly permuteInput: HostTensor;
  readonly tokenNumsPerExpert: HostTensor<'int64'>;
  readonly expertOffsets: HostTensor<'int32'>;
  readonly permuteIndicesPerToken: HostTensor<'int32'>;
  readonly expertScalesFloat: HostTensor<'float32'>;
  readonly topKIndices: HostTensor<'int32'>;
  /** The rows as moeReduce gives them back, from experts that change nothing; undefined for a dtype it does not sum. */
  readonly returned: HostTensor | undefined;
}

export interface DispatchRun {
  readonly input: DispatchInput;
  readonly outputs: HostOutputs;
  readonly view: DispatchView;
}

/** Dispatches on the best backend and, where that is not the CPU, there as well, to compare. */
export async function runDispatch(input: DispatchInput, backends: OpenBackends): Promise<DispatchRun> {
  const { backend, skipped, cpu } = backends;
  const outputs = await computeOutputs(backend, input);
  const comparison = backend === cpu ? undefined : compareOutputs(outputs, await computeOutputs(cpu, input));
  const [tokens, topK] = outputs.topKIndices.shape;
  const view: DispatchView = {
    source: input.title,
    tokens,
    hidden: outputs.permuteInput.shape[1],
    experts: outputs.tokenNumsPerExpert.data.length,
    topK,
    dtype: input.x.dtype,
    backend: { name: backend.info.name, device: backend.info.device },
    skipped: skipped.map(({ name, reason }) => ({ name, reason })),
    counts: Int32Array.from(outputs.tokenNumsPerExpert.data, Number),
    offsets: outputs.expertOffsets.data,
    rows: outputs.permuteIndicesPerToken.data,
    scales: outputs.expertScalesFloat.data,
    chosen: outputs.topKIndices.data,
    permutedBytes: outputs.permuteInput.data.byteLength,
    journey: followTokens(input.x, outputs),
    comparison,
  };
  return { input, outputs, view };
}

async function computeOutputs(backend: Backend, { x, gating, routing }: DispatchInput): Promise<HostOutputs> {
  const owned: { dispose(): void }[] = [];
  const own = <T extends { dispose(): void }>(disposable: T): T => {
    owned.push(disposable);
    return disposable;
  };
  try {
    const rows = own(backend.tensor(x.data, x.shape, x.dtype));
    const scores = own(backend.tensor(gating.data, gating.shape, gating.dtype));
    const out = own(moeDispatch(rows, scores, routing));
    const returned = isFloat(x.dtype) ? own(reduce(out)) : undefined;
    return {
      permuteInput: await read(out.permuteInput),
      tokenNumsPerExpert: await read<'int64'>(out.tokenNumsPerExpert),
      expertOffsets: await read<'int32'>(out.expertOffsets),
      permuteIndicesPerToken: await read<'int32'>(out.permuteIndicesPerToken),
      expertScalesFloat: await read<'float32'>(out.expertScalesFloat),
      topKIndices: await read<'int32'>(out.topKIndices),
      returned: returned && (await read(returned)),
    };
  } finally {
    for (const disposable of owned) disposable.dispose();
  }
}

/** Each token is the weighted mean of its own copies, so it should come back. */
function reduce(out: DispatchResult<Tensor>): Tensor {
  const { permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices } = out;
  return moeReduce(permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices, {
    normTopkProb: true,
  });
}

async function read<D extends DType>(tensor: Tensor & { readonly dtype: D }): Promise<HostTensor<D>> {
  return { data: await tensor.read(), shape: tensor.shape, dtype: tensor.dtype };
}
