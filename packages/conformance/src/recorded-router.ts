import type { Router } from '@moe-dispatch/core';
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

/** The options of the file's metadata `router`, those that are not there at their defaults. */
interface Recorded {
  readonly top_k: number;
  readonly scoring_func?: Router['scoringFunc'];
  readonly score_after_topk?: boolean;
  readonly n_group?: number;
  readonly topk_group?: number;
  readonly group_score_func?: Router['groupScoreFunc'];
  readonly norm_topk_prob?: boolean;
  readonly norm_eps?: number;
  readonly norm_eps_mode?: 'add' | 'clamp';
  readonly routed_scaling_factor?: number;
  readonly output_scaling_factor?: number;
  readonly apply_router_weight_on_input?: boolean;
  readonly router_logit_softcapping?: number;
  readonly zero_experts?: number;
  readonly zero_expert_type?: 'identity' | 'null' | null;
  readonly shared_logits?: boolean;
  readonly selection?: 'topk' | 'given' | 'sparsemixer';
  readonly jitter_eps?: number;
  readonly expert_capacity?: number;
  readonly drop_policy?: Router['dropPolicy'];
  readonly norm_before_drop?: boolean;
}

/** @throws SafetensorsError */
export function parseRecorded(bytes: Uint8Array, file: string): RecordedRouter {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const recorded = JSON.parse(metadata.get('router') as string) as Recorded;
  const float = (name: string) => tensors.get(name) as HostTensor<'float32'> | undefined;
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
    router: routerOf(recorded),
    inputs: {
      gatingOutput: capped(float('router_logits')!, recorded.router_logit_softcapping),
      ...Object.fromEntries(given),
    },
    x: float('expert_hidden_states') ?? float('hidden_states')!,
    topKIndices: tensors.get('top_k_indices') as HostTensor<'int32'>,
    topKWeights: float('top_k_weights')!,
    expert: expertOf(JSON.parse(metadata.get('experts') as string), tensors),
    outputScalingFactor: recorded.output_scaling_factor ?? 1,
    outputBias: values('output_bias'),
    routedOutput: values('routed_output'),
  };
}

/** A softmax over the chosen logits alone is one over all, divided by the sum of the chosen. */
function routerOf(recorded: Recorded): Router {
  const {
    n_group: nGroup = 1,
    topk_group: topkGroup = nGroup,
    zero_experts: count = 0,
    scoring_func,
  } = recorded;
  const softmaxOfChosen = recorded.score_after_topk === true && scoring_func === 'softmax';
  const normTopkProb = recorded.norm_topk_prob === true || recorded.shared_logits === true || softmaxOfChosen;
  return {
    topK: recorded.top_k,
    scoringFunc: scoring_func,
    ...(topkGroup < nGroup ? { nGroup, topkGroup, groupScoreFunc: recorded.group_score_func } : {}),
    normTopkProb,
    // One that is the least sum matters where the sum is smaller, which it is nowhere here.
    normEps: normTopkProb && recorded.norm_eps_mode !== 'clamp' ? recorded.norm_eps : undefined,
    routedScalingFactor: recorded.routed_scaling_factor,
    applyRouterWeightOnInput: recorded.apply_router_weight_on_input,
    zeroExperts:
      count > 0 ? { count, kind: recorded.zero_expert_type === 'null' ? 'skip' : 'identity' } : undefined,
    ...(recorded.selection === 'sparsemixer'
      ? { selection: recorded.selection, jitterEps: recorded.jitter_eps }
      : {}),
    expertCapacity: recorded.expert_capacity === 0 ? undefined : recorded.expert_capacity,
    dropPolicy: recorded.drop_policy,
    normBeforeDrop: recorded.norm_before_drop,
  };
}

function capped(logits: HostTensor<'float32'>, cap = 0): HostTensor<'float32'> {
  if (cap === 0) return logits;
  return { ...logits, data: logits.data.map((logit) => Math.tanh(logit / cap) * cap) };
}
