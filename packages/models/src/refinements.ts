import { checkSize } from '@moe-dispatch/core/backend';
import type { Refinement, RouterFromConfigOptions } from './architecture.js';
import type { Fields } from './fields.js';

/*
 * What no field of a row can say, one function for each rule. They follow the modules of transformers 5.17, not what the
 * names of the fields promise.
 */

/** `norm_topk_prob` counts for sigmoid only: a softmax is over the chosen experts. */
export function cohere2Moe(fields: Fields): Refinement {
  const scoringFunc = fields.oneOf('expert_selection_fn', ['softmax', 'sigmoid']);
  const normTopkProb = scoringFunc === 'softmax' || fields.flag('norm_topk_prob');
  return { router: { scoringFunc, normTopkProb } };
}

/** The field is the p of a p-norm. Weights are not negative, so that 1 is their sum. */
export function dbrx(fields: Fields): Refinement {
  const p = fields.oneOf('moe_normalize_expert_weights', [1, null]);
  return { router: { normTopkProb: p === 1 } };
}

/** `norm_topk_prob` is in its config, and nothing reads it. */
export function deepseekV2(fields: Fields): Refinement {
  const method = fields.oneOf('topk_method', ['greedy', 'group_limited_greedy']);
  return method === 'greedy' ? {} : { router: groups(fields, 'max', 'n_group') };
}

/** The first layers look the experts up by token. `norm_topk_prob` is not read here either. */
export function deepseekV4(fields: Fields): Refinement {
  const isHash = fields.has('mlp_layer_types')
    ? fields.oneOf('mlp_layer_types', ['hash_moe', 'moe']) === 'hash_moe'
    : fields.size('num_hash_layers', 0) > fields.layer('num_hash_layers');
  return {
    router: { scoringFunc: fields.oneOf('scoring_func', ['sqrtsoftplus', 'sigmoid']) },
    tensors: isHash
      ? { expertIds: 'mlp.gate.tid2eid' }
      : { eScoreCorrectionBias: 'mlp.gate.e_score_correction_bias' },
  };
}

/** Experts are pairs of keys: those beyond the square are never chosen. */
export function doge(fields: Fields): Refinement {
  return { numExperts: Math.floor(Math.sqrt(fields.size('num_experts'))) ** 2 };
}

export function laguna(fields: Fields): Refinement {
  const softCap = fields.number('moe_router_logit_softcapping');
  return softCap > 0 ? { logits: { softCap } } : {};
}

export function lfm2Moe(fields: Fields): Refinement {
  return fields.flag('use_expert_bias')
    ? { tensors: { eScoreCorrectionBias: 'feed_forward.expert_bias' } }
    : {};
}

/** Zero experts give a token back as it is. */
export function longcatFlash(fields: Fields): Refinement {
  const count = fields.isNull('zero_expert_num') ? 0 : fields.size('zero_expert_num', 0);
  if (count === 0) return {};
  return {
    numExperts: fields.size('n_routed_experts') + count,
    router: { zeroExperts: { count, kind: 'identity' } },
  };
}

/** In eval mode the capacity is a share of the tokens, unless that share is 0. */
export function nllbMoe(fields: Fields, { tokens }: RouterFromConfigOptions): Refinement {
  fields.oneOf('second_expert_policy', ['all']);
  const share = fields.number('moe_eval_capacity_token_fraction');
  const needTokens = (): number => {
    checkSize('options.tokens', tokens, 1);
    return tokens;
  };
  const capacity = (): number => {
    if (share > 0) return Math.ceil(share * needTokens());
    if (!fields.isNull('expert_capacity')) return fields.size('expert_capacity');
    return 2 * Math.ceil(needTokens() / fields.size('num_experts'));
  };
  return {
    router: {
      expertCapacity: capacity(),
      dropPolicy: fields.flag('batch_prioritized_routing') ? 'probs' : 'position',
      normBeforeDrop: fields.flag('normalize_router_prob_before_dropping'),
    },
  };
}

/** Weights are divided by K, and the sum is multiplied by it. */
export function openaiPrivacyFilter(fields: Fields): Refinement {
  const k = fields.size('num_experts_per_tok');
  return { router: { routedScalingFactor: 1 / k }, outputScalingFactor: k };
}

/** A sparsemixer makes two choices, whatever K is. */
export function phimoe(fields: Fields): Refinement {
  fields.oneOf('num_experts_per_tok', [2]);
  return { router: { selection: 'sparsemixer', jitterEps: fields.number('router_jitter_noise') } };
}

/** One class more than experts, which skips them. */
export function zaya(fields: Fields): Refinement {
  return {
    numExperts: fields.size('num_experts') + 1,
    router: { zeroExperts: { count: 1, kind: 'skip' } },
  };
}

/** Neither null nor one group restricts the choice. */
export function groups(fields: Fields, groupScoreFunc: 'max' | 'top2_sum', count: string) {
  const nGroup = fields.isNull(count) ? 1 : fields.size(count);
  return nGroup === 1 ? {} : { nGroup, topkGroup: fields.size('topk_group'), groupScoreFunc };
}
