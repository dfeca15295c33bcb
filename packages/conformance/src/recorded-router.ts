import type { Router } from '@moe-dispatch/core';
import { parseConfig, routerFromConfig } from '@moe-dispatch/models';
import { readSafetensors } from '@moe-dispatch/safetensors';
import { decode } from './float-formats.js';
import type { HostTensor } from './host-tensor.js';
import { expertOf } from './recorded-experts.js';

/** One run of a model's own module in transformers (fixtures/routers): what it was given and what it gave. */
export interface RecordedRouter {
  readonly router: Router;
  /** The gating and a router's tensors. */
  readonly inputs: {
    readonly gatingOutput: HostTensor<'float32'>;
    readonly eScoreCorrectionBias?: HostTensor<'float32'>;
    readonly perExpertScale?: HostTensor<'float32'>;
    readonly globalScale?: HostTensor<'float32'>;
    readonly sharedLogits?: HostTensor<'float32'>;
    readonly expertIds?: HostTensor<'int32'>;
  };
  /** [T, H]: what the experts see. */
  readonly x: HostTensor<'float32'>;
  /** [T, K], in any order; dropped and skipped choices weigh 0. */
  readonly topKIndices: HostTensor<'int32'>;
  readonly topKWeights: HostTensor<'float32'>;
  /** What an expert makes of a row, in float64. */
  readonly expert: (expert: number, row: Float64Array) => Float64Array;
  /** On the sum. */
  readonly outputScalingFactor: number;
  /** [H]: added to the sum, before that factor. */
  readonly outputBias?: Float64Array | undefined;
  /** [T, H]; one file has none. */
  readonly routedOutput?: Float64Array | undefined;
}

/** The router is the one that `routerFromConfig` makes of the model's config. @throws SafetensorsError */
export function parseRecorded(bytes: Uint8Array, file: string): RecordedRouter {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const config = parseConfig(metadata.get('config_json') as string) as object;
  const float = (name: string) => tensors.get(name) as HostTensor<'float32'> | undefined;
  const gating = float('router_logits')!;
  const { router, logits, outputScalingFactor } = routerFromConfig(config, { tokens: gating.shape[0] });
  const values = (name: string) => (tensors.has(name) ? decode('float32', float(name)!.data) : undefined);
  const optional = {
    eScoreCorrectionBias: float('correction_bias'),
    perExpertScale: float('per_expert_scale'),
    globalScale: float('global_scale'),
    sharedLogits: float('shared_logits'),
    expertIds: tensors.get('expert_ids') as HostTensor<'int32'> | undefined,
  };
  const given = Object.entries(optional).filter(([, tensor]) => tensor !== undefined);
  return {
    router,
    inputs: {
      gatingOutput: capped(gating, logits.softCap),
      ...Object.fromEntries(given),
    },
    x: float('expert_hidden_states') ?? float('hidden_states')!,
    topKIndices: tensors.get('top_k_indices') as HostTensor<'int32'>,
    topKWeights: float('top_k_weights')!,
    expert: expertOf(JSON.parse(metadata.get('experts') as string), tensors),
    outputScalingFactor,
    outputBias: values('output_bias'),
    routedOutput: values('routed_output'),
  };
}

function capped(logits: HostTensor<'float32'>, cap = 0): HostTensor<'float32'> {
  if (cap === 0) return logits;
  return { ...logits, data: logits.data.map((logit) => Math.tanh(logit / cap) * cap) };
}
