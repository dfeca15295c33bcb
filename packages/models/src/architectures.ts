import type { Architecture } from './architecture.js';
import * as refinements from './refinements.js';

/** What many models add to the sum of the experts. */
const SHARED = '+ shared_experts(x)';
const GATED_SHARED = '+ sigmoid(shared_expert_gate(x)) · shared_expert(x)';
const GATE_BIAS = { eScoreCorrectionBias: 'mlp.gate.e_score_correction_bias' };

/** Softmax, and the weights as they are or divided by their sum, as the config says. */
const QWEN: Architecture = { norm: 'norm_topk_prob' };
/** The K best logits, and a softmax of these: the same as a softmax of all, divided by the sum of the K. */
const MIXTRAL: Architecture = { experts: 'num_local_experts', norm: true };
const DEEPSEEK_V2: Architecture = {
  experts: 'n_routed_experts',
  factor: 'routed_scaling_factor',
  after: SHARED,
  refine: refinements.deepseekV2,
};
const GROUPED: Architecture = {
  experts: 'n_routed_experts',
  norm: 'norm_topk_prob',
  normEps: 1e-20,
  factor: 'routed_scaling_factor',
  groups: { score: 'top2_sum', count: 'n_group' },
};
const GROUPED_SIGMOID: Architecture = { ...GROUPED, scoringFunc: 'sigmoid', tensors: GATE_BIAS };
const DEEPSEEK_V3: Architecture = { ...GROUPED_SIGMOID, after: SHARED };
/** A bias for the choice, no groups, weights that are always divided by their sum. */
const BIASED_SIGMOID: Architecture = {
  experts: 'num_local_experts',
  scoringFunc: 'sigmoid',
  norm: true,
  tensors: GATE_BIAS,
};
const ERNIE: Architecture = {
  experts: 'moe_num_experts',
  topK: 'moe_k',
  norm: true,
  tensors: { eScoreCorrectionBias: 'mlp.gate.moe_statics.e_score_correction_bias' },
  after: SHARED,
};
const GEMMA: Architecture = {
  topK: 'top_k_experts',
  norm: true,
  tensors: { perExpertScale: 'router.per_expert_scale' },
  before: 'logits = proj(rmsnorm(x) · scale / √H); the experts see another norm of x',
  after: 'a norm of its own, + the dense MLP, another norm',
};

/** By the architecture's name in transformers, which is also its `model_type` unless `types` has others. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  afmoe: {
    ...BIASED_SIGMOID,
    experts: 'num_experts',
    normEps: 1e-20,
    factor: 'route_scale',
    tensors: { eScoreCorrectionBias: 'mlp.expert_bias' },
    after: SHARED,
  },
  aria: {
    types: ['aria_text'],
    experts: 'moe_num_experts',
    topK: 'moe_topk',
    norm: true,
    after: SHARED,
  },
  axk1: { ...DEEPSEEK_V3, after: 'post_mlp_layernorm of the sum + shared_experts(x)' },
  axk2: DEEPSEEK_V3,
  cohere2_moe: {
    after: '+ shared_experts(x), or the mean of the two (shared_expert_combination_strategy)',
    refine: refinements.cohere2Moe,
  },
  dbrx: { experts: 'moe_num_experts', topK: 'moe_top_k', refine: refinements.dbrx },
  deepseek_ocr2: { ...DEEPSEEK_V2, types: ['deepseek_ocr2_text'] },
  deepseek_v2: DEEPSEEK_V2,
  deepseek_v3: DEEPSEEK_V3,
  deepseek_v32: DEEPSEEK_V3,
  deepseek_v4: {
    experts: 'n_routed_experts',
    norm: true,
    normEps: 1e-20,
    factor: 'routed_scaling_factor',
    before: 'in hash layers, expertIds = tid2eid[input_ids]',
    after: SHARED,
    refine: refinements.deepseekV4,
  },
  diffusion_gemma: { ...GEMMA, types: ['diffusion_gemma_text'] },
  doge: {
    norm: true,
    before: 'logits[i · n + j] = a[i] + b[j], for the two times n = √E key scores of router_gate',
    after: '+ the dense MLP',
    refine: refinements.doge,
  },
  dots1: DEEPSEEK_V3,
  ernie4_5_moe: ERNIE,
  ernie4_5_vl_moe: {
    ...ERNIE,
    types: ['ernie4_5_vl_moe_text'],
    tensors: { eScoreCorrectionBias: 'mlp.text_moe.gate.moe_statics.e_score_correction_bias' },
    before: 'tokens of text and of images have gates, biases and experts of their own (text_moe, vision_moe)',
  },
  exaone_moe: { ...DEEPSEEK_V3, experts: 'num_experts' },
  flex_olmo: QWEN,
  gemma4: { ...GEMMA, types: ['gemma4_text'] },
  glm4_moe: DEEPSEEK_V3,
  glm4_moe_lite: DEEPSEEK_V3,
  glm4v_moe: { ...DEEPSEEK_V3, types: ['glm4v_moe_text'] },
  glm5_next: { ...DEEPSEEK_V3, types: ['glm5_next_text'] },
  glm_moe_dsa: DEEPSEEK_V3,
  gpt_oss: { ...MIXTRAL, before: 'logits have a bias of their own (router.bias)' },
  granitemoe: MIXTRAL,
  granitemoe_swa: { ...MIXTRAL, after: '+ shared_mlp(x), unless shared_intermediate_size is 0' },
  granitemoehybrid: { ...MIXTRAL, after: '+ shared_mlp(x)' },
  granitemoeshared: { ...MIXTRAL, after: '+ shared_mlp(x), unless shared_intermediate_size is 0' },
  hunyuan_v1_moe: { topK: 'moe_topk', norm: true, after: '+ shared_mlp(x)' },
  hy_v3: {
    ...BIASED_SIGMOID,
    experts: 'num_experts',
    normEps: 1e-20,
    factor: 'router_scaling_factor',
    tensors: { eScoreCorrectionBias: 'mlp.e_score_correction_bias' },
    after: SHARED,
  },
  hy_v4: DEEPSEEK_V3,
  inkling: {
    types: ['inkling_mm_model', 'inkling_text'],
    experts: 'n_routed_experts',
    scoringFunc: 'sigmoid',
    norm: true,
    factor: 'route_scale',
    tensors: {
      ...GATE_BIAS,
      globalScale: 'mlp.gate.global_scale',
      sharedLogits: 'mlp.gate.weight',
    },
    before: 'the last n_shared_experts columns of gate(x) are sharedLogits, not logits',
    after:
      '+ shared_experts(x), each with its score in place of w, divided by the same sum, times the same factors',
  },
  jamba: {},
  jetmoe: { ...MIXTRAL, after: '+ bias' },
  kimi_linear: {
    ...DEEPSEEK_V3,
    experts: 'num_experts',
    topK: 'num_experts_per_token',
    norm: 'moe_renormalize',
    groups: { score: 'top2_sum', count: 'num_expert_group' },
  },
  laguna: {
    ...BIASED_SIGMOID,
    experts: 'num_experts',
    outputFactor: 'moe_routed_scaling_factor',
    before: 'logits.softCap, if moe_router_logit_softcapping is over 0',
    after: SHARED,
    refine: refinements.laguna,
  },
  lfm2_moe: {
    scoringFunc: 'sigmoid',
    norm: 'norm_topk_prob',
    normEps: 1e-6,
    factor: 'routed_scaling_factor',
    refine: refinements.lfm2Moe,
  },
  llama4: {
    types: ['llama4_text'],
    experts: 'num_local_experts',
    scoringFunc: 'sigmoid',
    applyRouterWeightOnInput: true,
    after: '+ shared_expert(x)',
  },
  longcat_flash: {
    experts: 'n_routed_experts',
    topK: 'moe_topk',
    factor: 'routed_scaling_factor',
    tensors: { eScoreCorrectionBias: 'mlp.router.e_score_correction_bias' },
    before: 'logits are without classifier.bias, whatever router_bias says',
    refine: refinements.longcatFlash,
  },
  mellum: { ...QWEN, experts: 'num_local_experts' },
  mimo_v2_flash: GROUPED_SIGMOID,
  minimax: MIXTRAL,
  minimax_m2: { ...BIASED_SIGMOID, tensors: { eScoreCorrectionBias: 'mlp.e_score_correction_bias' } },
  minimax_m3_vl: {
    ...BIASED_SIGMOID,
    types: ['minimax_m3_vl_text'],
    outputFactor: 'routed_scaling_factor',
    after: SHARED,
  },
  mistral4: { ...GROUPED, after: SHARED },
  mixtral: MIXTRAL,
  nemotron_h: {
    ...DEEPSEEK_V3,
    tensors: { eScoreCorrectionBias: 'mixer.gate.e_score_correction_bias' },
    before: 'the experts see fc1_latent_proj(x)',
    after: 'fc2_latent_proj of the sum, + shared_experts(x)',
  },
  nllb_moe: {
    types: ['nllb-moe'],
    topK: 2,
    norm: true,
    before: 'tokenMask for padding, unless router_ignore_padding_tokens',
    refine: refinements.nllbMoe,
  },
  olmoe: QWEN,
  openai_privacy_filter: {
    ...MIXTRAL,
    before: 'logits have a bias of their own (router.bias)',
    refine: refinements.openaiPrivacyFilter,
  },
  phimoe: { experts: 'num_local_experts', refine: refinements.phimoe },
  qwen2_moe: { ...QWEN, after: GATED_SHARED },
  qwen3_5_moe: { types: ['qwen3_5_moe_text'], norm: true, after: GATED_SHARED },
  qwen3_moe: { ...QWEN, experts: 'num_local_experts' },
  qwen3_next: { ...QWEN, after: GATED_SHARED },
  qwen3_omni_moe: {
    ...QWEN,
    types: ['thinker', 'text', 'talker', 'talker_text'].map((part) => `qwen3_omni_moe_${part}`),
    experts: 'num_local_experts',
    after: `${GATED_SHARED} in the talker`,
  },
  qwen3_vl_moe: { types: ['qwen3_vl_moe_text'], experts: 'num_local_experts', norm: true },
  qwen4_exp: { ...QWEN, types: ['qwen4_exp_text'], after: GATED_SHARED },
  solar_open: DEEPSEEK_V3,
  step3p7: {
    ...BIASED_SIGMOID,
    types: ['step3p5'],
    experts: 'n_routed_experts',
    outputFactor: 'moe_router_scaling_factor',
    after: SHARED,
  },
  switch_transformers: { topK: 1 },
  zaya: {
    tensors: { eScoreCorrectionBias: 'mlp.gate.balancing_biases' },
    before:
      'logits = router_mlp(down_proj(x)), after layer 0 with the scaled router states of the layer before',
    refine: refinements.zaya,
  },
};
