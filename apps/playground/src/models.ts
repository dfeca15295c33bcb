import { type ModelRouter, routerFromConfig } from '@moe-dispatch/models';

/** A model whose router the page has. */
export interface Model extends ModelRouter {
  readonly name: string;
  /** D */
  readonly hidden: number;
}

interface Config {
  readonly hidden_size: number;
  readonly [field: string]: unknown;
}

/** Of the config.json of each model, what its router depends on, and the width of its rows; by the name in the address. */
export const MODELS: ReadonlyMap<string, Model> = new Map([
  model('mixtral-8x7b', 'Mixtral 8×7B', {
    model_type: 'mixtral',
    hidden_size: 4096,
    num_local_experts: 8,
    num_experts_per_tok: 2,
  }),
  model('phi-3.5-moe', 'Phi-3.5-MoE', {
    model_type: 'phimoe',
    hidden_size: 4096,
    num_local_experts: 16,
    num_experts_per_tok: 2,
    router_jitter_noise: 0.01,
  }),
  model('qwen3-30b-a3b', 'Qwen3-30B-A3B', {
    model_type: 'qwen3_moe',
    hidden_size: 2048,
    num_experts: 128,
    num_experts_per_tok: 8,
    norm_topk_prob: true,
  }),
  model('gpt-oss-120b', 'gpt-oss-120b', {
    model_type: 'gpt_oss',
    hidden_size: 2880,
    num_local_experts: 128,
    num_experts_per_tok: 4,
  }),
  model('llama-4-scout', 'Llama 4 Scout', {
    model_type: 'llama4_text',
    hidden_size: 5120,
    num_local_experts: 16,
    num_experts_per_tok: 1,
  }),
  model('deepseek-v3', 'DeepSeek-V3', {
    model_type: 'deepseek_v3',
    hidden_size: 7168,
    n_routed_experts: 256,
    num_experts_per_tok: 8,
    n_group: 8,
    topk_group: 4,
    norm_topk_prob: true,
    routed_scaling_factor: 2.5,
  }),
  // Its own model_type is kimi_k2; the architecture is DeepSeek-V3's.
  model('kimi-k2', 'Kimi-K2', {
    model_type: 'deepseek_v3',
    hidden_size: 7168,
    n_routed_experts: 384,
    num_experts_per_tok: 8,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 2.827,
  }),
  model('longcat-flash', 'LongCat-Flash', {
    model_type: 'longcat_flash',
    hidden_size: 6144,
    n_routed_experts: 512,
    zero_expert_num: 256,
    moe_topk: 12,
    routed_scaling_factor: 6,
  }),
  model('zaya1-8b', 'ZAYA1-8B', {
    model_type: 'zaya',
    hidden_size: 2048,
    num_experts: 16,
    num_experts_per_tok: 1,
  }),
]);

function model(id: string, name: string, config: Config): [string, Model] {
  return [id, { ...routerFromConfig(config), name, hidden: config.hidden_size }];
}

/** What a model's router does, in words. */
export function describeModel({ router, tensors }: Model): string {
  const { scoringFunc = 'softmax', nGroup, topkGroup, groupScoreFunc, zeroExperts } = router;
  const { selection, normTopkProb, routedScalingFactor, applyRouterWeightOnInput } = router;
  const parts = [
    selection === 'sparsemixer'
      ? 'sparsemixer: each choice has a softmax of its own'
      : `${scoringFunc} scores`,
    tensors.eScoreCorrectionBias && 'a bias for the choice, made up here',
    nGroup && `only the ${topkGroup} best of ${nGroup} groups (${groupScoreFunc})`,
    zeroExperts && `zero experts: the last ${zeroExperts.count} (${zeroExperts.kind})`,
    normTopkProb && 'scales divided by their sum',
    routedScalingFactor && `scales × ${routedScalingFactor}`,
    applyRouterWeightOnInput && 'rows multiplied by their scales on the way to the experts',
  ];
  return parts.filter(Boolean).join('; ');
}
