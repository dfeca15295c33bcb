import { InvalidArgumentError } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { parseConfig, routerFromConfig } from '../src/index.js';
import { RECORDED } from './recorded.js';

const configOf = (architecture: string) => RECORDED.get(architecture)!.config;

function errorOf(call: () => unknown): InvalidArgumentError {
  try {
    call();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('model_type', () => {
  const expected = (model_type: unknown) => errorOf(() => routerFromConfig({ model_type })).expected;

  it('unknown: the error lists what is known', () => {
    const error = errorOf(() => routerFromConfig({ model_type: 'a_dense_transformer' }));
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'config.model_type',
      found: "'a_dense_transformer'",
    });
    expect(error.expected).toBe(`one of ${[...RECORDED.keys()].sort().join(', ')}`);
  });

  it('nearly known: the error suggests the name', () => {
    expect(expected('mixtrall')).toMatch(/^mixtral \(one of afmoe, /);
    expect(expected('qwen3moe')).toMatch(/^qwen3_moe \(/);
    expect(expected('Deepseek_V3')).toMatch(/^deepseek_v3 \(/);
    expect(expected('llama')).toMatch(/^llama4 \(/);
    expect(expected('nllb-mo')).toMatch(/^nllb-moe \(/);
  });

  it('missing, or of no type at all', () => {
    expect(errorOf(() => routerFromConfig({ num_experts: 8 })).found).toBe('undefined');
    for (const model_type of [7, null, {}, '', '__proto__', 'constructor']) {
      expect(expected(model_type)).toMatch(/^one of afmoe, /);
    }
  });
});

const BAD: [architecture: string, fields: Record<string, unknown>, argument: string, found: string][] = [
  ['mixtral', { num_local_experts: undefined }, 'config.num_local_experts', 'undefined'],
  ['mixtral', { num_local_experts: 0 }, 'config.num_local_experts', '0'],
  ['mixtral', { num_local_experts: '8' }, 'config.num_local_experts', "'8'"],
  ['mixtral', { num_experts_per_tok: null }, 'config.num_experts_per_tok', 'null'],
  ['mixtral', { num_experts_per_tok: 1.5 }, 'config.num_experts_per_tok', '1.5'],
  ['mixtral', { text_config: 'text' }, 'config.text_config', "'text'"],
  ['kimi_linear', { num_experts_per_token: undefined }, 'config.num_experts_per_token', 'undefined'],
  ['kimi_linear', { moe_renormalize: undefined }, 'config.moe_renormalize', 'undefined'],
  ['qwen3_moe', { norm_topk_prob: 1 }, 'config.norm_topk_prob', '1'],
  ['qwen3_moe', { norm_topk_prob: undefined }, 'config.norm_topk_prob', 'undefined'],
  ['deepseek_v3', { n_group: undefined }, 'config.n_group', 'undefined'],
  ['deepseek_v3', { n_group: 4, topk_group: null }, 'config.topk_group', 'null'],
  ['deepseek_v3', { routed_scaling_factor: undefined }, 'config.routed_scaling_factor', 'undefined'],
  ['deepseek_v3', { routed_scaling_factor: 1e39 }, 'config.routed_scaling_factor', '1e+39'],
  ['deepseek_v3', { routed_scaling_factor: '2.5' }, 'config.routed_scaling_factor', "'2.5'"],
  ['deepseek_v2', { topk_method: 'noaux_tc' }, 'config.topk_method', "'noaux_tc'"],
  ['deepseek_v4', { scoring_func: 'softmax' }, 'config.scoring_func', "'softmax'"],
  ['cohere2_moe', { expert_selection_fn: 'tanh' }, 'config.expert_selection_fn', "'tanh'"],
  ['longcat_flash', { zero_expert_num: undefined }, 'config.zero_expert_num', 'undefined'],
  ['laguna', { moe_router_logit_softcapping: undefined }, 'config.moe_router_logit_softcapping', 'undefined'],
  ['nllb_moe', { second_expert_policy: 'sampling' }, 'config.second_expert_policy', "'sampling'"],
  ['phimoe', { num_experts_per_tok: 3 }, 'config.num_experts_per_tok', '3'],
];
it.each(BAD)('%s: names the field in %o', (architecture, fields, argument, found) => {
  const error = errorOf(() => routerFromConfig({ ...configOf(architecture), ...fields }, { tokens: 40 }));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', argument, found });
});

it('names the field of a part', () => {
  const ffn_config = { moe_num_experts: 16, moe_top_k: 4, moe_normalize_expert_weights: 2 };
  const config = { model_type: 'dbrx', ffn_config };
  expect(errorOf(() => routerFromConfig(config)).message).toBe(
    'config.ffn_config.moe_normalize_expert_weights: expected 1 or null, found 2',
  );
});

it('refuses what is no object, and options that there are not', () => {
  for (const config of [undefined, null, 'mixtral', 7]) {
    expect(errorOf(() => routerFromConfig(config as never)).argument).toBe('config');
  }
  const config = configOf('mixtral');
  expect(errorOf(() => routerFromConfig(config, { layers: 1 } as never)).argument).toBe('options.layers');
  expect(errorOf(() => routerFromConfig(config, { layer: -1 })).argument).toBe('options.layer');
  expect(errorOf(() => routerFromConfig(configOf('nllb_moe'), { tokens: 0 })).argument).toBe(
    'options.tokens',
  );
});

describe('parseConfig', () => {
  it('reads what Python writes', () => {
    const text = '{"a": Infinity, "b": [-Infinity, NaN, 1], "c": "NaN \\" Infinity", "NaN": "\\\\"}';
    expect(parseConfig(text)).toEqual({ a: null, b: [null, null, 1], c: 'NaN " Infinity', NaN: '\\' });
  });

  it('refuses what is not JSON beyond that', () => {
    expect(errorOf(() => parseConfig('{"a": Infinit}'))).toMatchObject({
      argument: 'text',
      found: `'{"a": Infinit}'`,
    });
    expect(errorOf(() => parseConfig(undefined as never)).argument).toBe('text');
  });
});
