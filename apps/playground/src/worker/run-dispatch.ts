import {
  type Backend,
  type DispatchResult,
  type DType,
  moeDispatch,
  moeReduce,
  type RouterOptions,
  type Tensor,
} from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { DispatchView } from '../protocol.js';
import type { OpenBackends } from './backends.js';
import { compareOutputs } from './compare.js';
import { keptGroups } from './groups.js';
import type { DispatchInput } from './input.js';
import { followTokens, isFloat } from './journey.js';
import { upload } from './upload.js';

/** The outputs of moeDispatch, and of moeReduce on them, in plain memory. */
export interface HostOutputs {
  /** Only the rows that have an expert. */
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
  const { options } = input.routing;
  const experts = input.gating.shape[1];
  const view: DispatchView = {
    source: input.title,
    tokens,
    hidden: outputs.permuteInput.shape[1],
    experts,
    zeroExperts: options.router?.zeroExperts?.count ?? 0,
    topK,
    dtype: input.x.dtype,
    bias: input.bias?.data as Float32Array | undefined,
    groups: await keptGroups(cpu, input, experts),
    weighsRows: options.router?.applyRouterWeightOnInput ?? false,
    backend: { name: backend.info.name, device: backend.info.device },
    skipped: skipped.map(({ name, reason }) => ({ name, reason })),
    counts: countChoices(outputs, experts),
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

/** [E]: of zero experts, too. */
function countChoices({ tokenNumsPerExpert, topKIndices }: HostOutputs, experts: number): Int32Array {
  const counts = new Int32Array(experts);
  counts.set(Array.from(tokenNumsPerExpert.data, Number));
  const withRows = tokenNumsPerExpert.data.length;
  for (const expert of topKIndices.data) if (expert >= withRows) counts[expert]++;
  return counts;
}

async function computeOutputs(backend: Backend, input: DispatchInput): Promise<HostOutputs> {
  const owned: { dispose(): void }[] = [];
  const own = <T extends { dispose(): void }>(disposable: T): T => {
    owned.push(disposable);
    return disposable;
  };
  try {
    const { x, gating, options } = own(upload(backend, input));
    const out = own(moeDispatch(x, gating, options));
    const returned = isFloat(x.dtype) ? own(reduce(out, x, options)) : undefined;
    const expertOffsets = await read<'int32'>(out.expertOffsets);
    return {
      permuteInput: firstRows(await read(out.permuteInput), expertOffsets.data.at(-1)!),
      tokenNumsPerExpert: await read<'int64'>(out.tokenNumsPerExpert),
      expertOffsets,
      permuteIndicesPerToken: await read<'int32'>(out.permuteIndicesPerToken),
      expertScalesFloat: await read<'float32'>(out.expertScalesFloat),
      topKIndices: await read<'int32'>(out.topKIndices),
      returned: returned && (await read(returned)),
    };
  } finally {
    for (const disposable of owned) disposable.dispose();
  }
}

/** Each token is the weighted mean of its own copies, so it should come back; unless the copies have their weights. */
function reduce(out: DispatchResult<Tensor>, x: Tensor, { router }: RouterOptions): Tensor {
  return moeReduce(out.permuteInput, out, {
    normTopkProb: !router?.applyRouterWeightOnInput,
    x: router?.zeroExperts?.kind === 'identity' ? x : null,
  });
}

/** The rows that have an expert: those behind them are undefined. */
function firstRows({ data, shape, dtype }: HostTensor, rows: number): HostTensor {
  return { data: data.subarray(0, rows * shape[1]) as HostTensor['data'], shape: [rows, shape[1]], dtype };
}

async function read<D extends DType>(tensor: Tensor & { readonly dtype: D }): Promise<HostTensor<D>> {
  return { data: await tensor.read(), shape: tensor.shape, dtype: tensor.dtype };
}
