import { describe, expect, it } from 'vitest';
import {
  type ModelRouter,
  type Router,
  type RouterFromConfigOptions,
  routerFromConfig,
} from '../src/index.js';
import { RECORDED } from './recorded.js';

type Config = Record<string, unknown>;

const configOf = (architecture: string) => RECORDED.get(architecture)!.config;
const fromConfig = (config: object, options?: RouterFromConfigOptions) =>
  routerFromConfig(config, { tokens: 40, ...options });

/** The config with other values of some fields; dbrx has them one level down. */
function changed(config: Readonly<Config>, fields: Config): Config {
  const { ffn_config } = config;
  return ffn_config === undefined
    ? { ...config, ...fields }
    : { ...config, ffn_config: { ...(ffn_config as Config), ...fields } };
}

/** Those of these fields that a config has: one line for each architecture and field. */
function having(names: readonly string[]): { architecture: string; field: string; value: unknown }[] {
  return [...RECORDED].flatMap(([architecture, { config }]) => {
    const fields = (config.ffn_config ?? config) as Config;
    return names
      .filter((name) => fields[name] !== undefined)
      .map((field) => ({ architecture, field, value: fields[field] }));
  });
}

/** What is expected to be otherwise if a field has another value. */
type Changes = Omit<Partial<ModelRouter>, 'router'> & {
  router?: { [Name in keyof Router]?: Router[Name] | undefined };
};

function expectChanges(architecture: string, fields: Config, changes: Changes): void {
  const before = fromConfig(configOf(architecture));
  const after = fromConfig(changed(configOf(architecture), fields));
  expect(after).toEqual({ ...before, ...changes, router: { ...before.router, ...changes.router } });
}

describe('every field of the config reaches the router', () => {
  const topK = having([
    'num_experts_per_tok',
    'num_experts_per_token',
    'moe_topk',
    'moe_top_k',
    'moe_k',
    'top_k_experts',
  ]);
  it.each(topK.filter(({ architecture }) => architecture !== 'phimoe'))('$architecture: $field', (found) => {
    const { architecture, field, value } = found;
    const k = (value as number) + 1;
    const divided = { router: { topK: k, routedScalingFactor: 1 / k }, outputScalingFactor: k };
    const changes = architecture === 'openai_privacy_filter' ? divided : { router: { topK: k } };
    expectChanges(architecture, { [field]: k }, changes);
  });
  it('K is a constant of three architectures', () => {
    const known = topK.map(({ architecture }) => architecture);
    expect([...RECORDED.keys()].filter((name) => !known.includes(name))).toEqual([
      'nllb_moe',
      'switch_transformers',
    ]);
    expect(() => fromConfig({ ...configOf('phimoe'), num_experts_per_tok: 3 })).toThrow(
      'expected 2, found 3',
    );
  });

  const experts = having(['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_num_experts']);
  it('each architecture has one of their names', () => expect(experts).toHaveLength(63));
  it.each(experts)('$architecture: $field', ({ architecture, field, value }) => {
    const { numExperts } = fromConfig(configOf(architecture));
    expectChanges(
      architecture,
      { [field]: (value as number) * 4 },
      { numExperts: numExperts + (value as number) * 3 },
    );
  });

  it.each([...topK, ...experts])('$architecture: an error names $field', ({ architecture, field }) => {
    const path = architecture === 'dbrx' ? 'config.ffn_config' : 'config';
    const config = changed(configOf(architecture), { [field]: undefined });
    expect(() => fromConfig(config)).toThrow(`${path}.${field}: expected`);
  });

  const NORM_NOT_READ = ['deepseek_v2', 'deepseek_v4', 'doge'];
  it.each(having(['norm_topk_prob', 'moe_renormalize']))(
    '$architecture: $field',
    ({ architecture, field, value }) => {
      const isRead = !NORM_NOT_READ.includes(architecture);
      const { router } = fromConfig({ ...configOf(architecture), [field]: !value });
      const before = fromConfig(configOf(architecture)).router;
      expect(router.normTopkProb ?? false).toBe(isRead ? !value : (before.normTopkProb ?? false));
      if (!router.normTopkProb) expect(router).not.toHaveProperty('normEps');
      expect(router.topK).toBe(before.topK);
    },
  );

  const OUTSIDE = ['laguna', 'minimax_m3_vl', 'step3p7'];
  const factors = having([
    'routed_scaling_factor',
    'route_scale',
    'router_scaling_factor',
    'moe_routed_scaling_factor',
    'moe_router_scaling_factor',
  ]);
  it.each(factors)('$architecture: $field', ({ architecture, field }) => {
    const isOutside = OUTSIDE.includes(architecture);
    const changes = isOutside ? { outputScalingFactor: 3.5 } : { router: { routedScalingFactor: 3.5 } };
    expectChanges(architecture, { [field]: 3.5 }, changes);
  });

  const GREEDY = ['deepseek_v2', 'deepseek_ocr2'];
  it.each(having(['n_group', 'num_expert_group']))('$architecture: $field', ({ architecture, field }) => {
    const restricted = { nGroup: 8, topkGroup: 3, groupScoreFunc: 'top2_sum' } as const;
    const router = GREEDY.includes(architecture) ? {} : restricted;
    expectChanges(architecture, { [field]: 8, topk_group: 3 }, { router });
    const { router: ungrouped } = fromConfig({ ...configOf(architecture), [field]: null, topk_group: null });
    expect(Object.keys(ungrouped).filter((name) => /group/i.test(name))).toEqual([]);
  });
});

const CASES: [architecture: string, fields: Config, changes: Changes][] = [
  ['cohere2_moe', { norm_topk_prob: true }, { router: { normTopkProb: true } }],
  [
    'cohere2_moe',
    { expert_selection_fn: 'softmax' },
    { router: { scoringFunc: undefined, normTopkProb: true } },
  ],
  ['dbrx', { moe_normalize_expert_weights: null }, { router: { normTopkProb: undefined } }],
  [
    'deepseek_v2',
    { topk_method: 'group_limited_greedy', n_group: 8, topk_group: 3 },
    { router: { nGroup: 8, topkGroup: 3, groupScoreFunc: 'max' } },
  ],
  ['deepseek_v4', { scoring_func: 'sigmoid' }, { router: { scoringFunc: 'sigmoid' } }],
  ['doge', { num_experts: 80 }, { numExperts: 64 }],
  ['laguna', { moe_router_logit_softcapping: 30 }, { logits: { softCap: 30 } }],
  ['lfm2_moe', { norm_topk_prob: true }, { router: { normTopkProb: true, normEps: 1e-6 } }],
  ['lfm2_moe', { use_expert_bias: false }, { tensors: {} }],
  [
    'longcat_flash',
    { zero_expert_num: 6 },
    { numExperts: 18, router: { zeroExperts: { count: 6, kind: 'identity' } } },
  ],
  ['longcat_flash', { zero_expert_num: null }, { numExperts: 12, router: { zeroExperts: undefined } }],
  ['mimo_v2_flash', { routed_scaling_factor: null }, {}],
  ['nllb_moe', { batch_prioritized_routing: true }, { router: { dropPolicy: 'probs' } }],
  ['nllb_moe', { normalize_router_prob_before_dropping: false }, { router: { normBeforeDrop: undefined } }],
  ['nllb_moe', { moe_eval_capacity_token_fraction: -1 }, { router: { expertCapacity: 64 } }],
  [
    'nllb_moe',
    { moe_eval_capacity_token_fraction: 0, expert_capacity: null },
    { router: { expertCapacity: 10 } },
  ],
  ['phimoe', { router_jitter_noise: 0.1 }, { router: { jitterEps: 0.1 } }],
];
it.each(CASES)('%s with %o', expectChanges);

describe('other names and places', () => {
  it('takes a field by the name that older files have', () => {
    const { n_routed_experts, num_experts_per_tok, ...rest } = configOf('step3p7');
    const older = { ...rest, moe_num_experts: n_routed_experts, moe_top_k: num_experts_per_tok };
    expect(fromConfig(older)).toEqual(fromConfig(configOf('step3p7')));
  });

  it.each([
    ['aria', 'aria_text'],
    ['gemma4', 'gemma4_text'],
    ['inkling', 'inkling_mm_model'],
    ['nllb_moe', 'nllb-moe'],
    ['step3p7', 'step3p5'],
    ['qwen3_omni_moe', 'qwen3_omni_moe_thinker'],
  ])('%s is also called %s', (architecture, model_type) => {
    const config = { ...configOf(architecture), model_type };
    expect(fromConfig(config).architecture).toBe(architecture);
    expect(fromConfig({ ...config, model_type: architecture })).toEqual(fromConfig(config));
  });

  it('finds the text model in the whole', () => {
    const text_config = configOf('qwen3_vl_moe');
    const inner = fromConfig(text_config);
    expect(fromConfig({ model_type: 'qwen3_vl_moe', text_config })).toEqual(inner);
    const { model_type: _, ...untyped } = text_config;
    expect(fromConfig({ model_type: 'qwen3_vl_moe', text_config: untyped })).toEqual(inner);
    expect(fromConfig({ model_type: 'something_new', llm_config: text_config })).toEqual(inner);
    expect(fromConfig({ ...text_config, text_config: null })).toEqual(inner);
  });

  it('takes the thinker of a model that also talks, and the talker if that is what it gets', () => {
    const talker_config = { text_config: configOf('qwen3_omni_moe') };
    const thinking = {
      ...configOf('qwen3_omni_moe'),
      model_type: 'qwen3_omni_moe_text',
      num_experts_per_tok: 2,
    };
    const whole = { model_type: 'qwen3_omni_moe', thinker_config: { text_config: thinking }, talker_config };
    expect(fromConfig(whole).router.topK).toBe(2);
    expect(fromConfig(whole.talker_config).router.topK).toBe(8);
  });
});

describe('layers that choose in different ways', () => {
  const bias = { eScoreCorrectionBias: 'mlp.gate.e_score_correction_bias' };
  const hash = { expertIds: 'mlp.gate.tid2eid' };
  const tensors = (config: object, layer?: number) => fromConfig(config, { layer }).tensors;

  it('deepseek_v4 looks experts up in its first layers', () => {
    const config = { ...configOf('deepseek_v4'), mlp_layer_types: ['hash_moe', 'moe'] };
    expect(tensors(config, 0)).toEqual(hash);
    expect(tensors(config, 1)).toEqual(bias);
    expect(() => tensors(config)).toThrow('options.layer: expected');
    expect(() => tensors(config, 2)).toThrow('config.mlp_layer_types[2]: expected');
    expect(tensors({ ...config, mlp_layer_types: ['moe', 'moe'] })).toEqual(bias);
  });

  it('deepseek_v4 may say how many those are', () => {
    const { mlp_layer_types: _, ...rest } = configOf('deepseek_v4');
    const config = { ...rest, num_hash_layers: 3 };
    expect(tensors(config, 2)).toEqual(hash);
    expect(tensors(config, 3)).toEqual(bias);
    expect(() => tensors(config)).toThrow('options.layer: expected');
    expect(() => tensors(rest, 0)).toThrow('config.num_hash_layers: expected');
  });

  it('hunyuan_v1_moe may have a K for each layer', () => {
    const config = { ...configOf('hunyuan_v1_moe'), moe_topk: [2, 4] };
    expect(fromConfig(config, { layer: 1 }).router.topK).toBe(4);
    expect(() => fromConfig(config)).toThrow('options.layer: expected');
    expect(fromConfig({ ...config, moe_topk: [4, 4] }).router.topK).toBe(4);
  });
});

it('nllb_moe: the capacity is a share of the tokens, rounded up', () => {
  expect(fromConfig(configOf('nllb_moe'), { tokens: 41 }).router.expertCapacity).toBe(7);
  const twice = { ...configOf('nllb_moe'), moe_eval_capacity_token_fraction: 0, expert_capacity: null };
  expect(fromConfig(twice, { tokens: 41 }).router.expertCapacity).toBe(12);
  expect(() => routerFromConfig(configOf('nllb_moe'))).toThrow('options.tokens: expected');
});
