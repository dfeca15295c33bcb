import type { Router } from '@moe-dispatch/core';
import { checkObject, checkSize, describe, invalid, readOptions } from '@moe-dispatch/core/backend';
import type { Architecture, ModelRouter, RouterFromConfigOptions } from './architecture.js';
import { ARCHITECTURES } from './architectures.js';
import { Fields } from './fields.js';
import { nearest } from './nearest.js';
import { groups } from './refinements.js';

/** Where a config.json keeps the config of the part that has the router, from the outside in. */
const PARTS = ['thinker_config', 'text_config', 'llm_config', 'ffn_config'];

/** What a router does where it does not say. */
const DEFAULTS: Partial<Router> = {
  scoringFunc: 'softmax',
  normTopkProb: false,
  routedScalingFactor: 1,
  applyRouterWeightOnInput: false,
  dropPolicy: 'position',
  normBeforeDrop: false,
};

/** Every `model_type` that {@link routerFromConfig} knows, and its architecture. */
export const MODEL_TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries(ARCHITECTURES).flatMap(([name, { types = [] }]) =>
    [name, ...types].map((type): [string, string] => [type, name]),
  ),
);

/**
 * The router of a model of transformers, with what it needs and what is left to the caller.
 * @param config the object in the model's `config.json`, or a part of it such as its `text_config`
 * @throws InvalidArgumentError INVALID_ARGUMENT for a `model_type` that is not known, and for a field that is missing or
 * of the wrong type
 */
export function routerFromConfig(config: object, options: RouterFromConfigOptions = {}): ModelRouter {
  const { layer, tokens } = readOptions<RouterFromConfigOptions>(options, ['layer', 'tokens']);
  if (layer !== undefined) checkSize('options.layer', layer, 0);
  const parts = partsOf(config);
  const name = architectureOf(parts);
  const architecture = ARCHITECTURES[name];
  const { config: innermost, path } = parts[0];
  const fields = new Fields(innermost, path, layer);
  const found = architecture.refine?.(fields, { layer, tokens }) ?? {};
  const { outputFactor, before, after } = architecture;
  return {
    architecture: name,
    numExperts: found.numExperts ?? fields.size(architecture.experts ?? 'num_experts'),
    router: withoutDefaults({ ...routerOf(architecture, fields), ...found.router }),
    tensors: found.tensors ?? architecture.tensors ?? {},
    logits: found.logits ?? {},
    outputScalingFactor: found.outputScalingFactor ?? (outputFactor ? fields.factor(outputFactor) : 1),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** What the row of the table says. */
function routerOf(architecture: Architecture, fields: Fields): Router {
  const { topK = 'num_experts_per_tok', norm = false, normEps, factor } = architecture;
  const normTopkProb = typeof norm === 'string' ? fields.flag(norm) : norm;
  return {
    topK: typeof topK === 'string' ? fields.size(topK) : topK,
    scoringFunc: architecture.scoringFunc ?? 'softmax',
    ...(architecture.groups ? groups(fields, architecture.groups.score, architecture.groups.count) : {}),
    normTopkProb,
    ...(normTopkProb && normEps !== undefined ? { normEps } : {}),
    routedScalingFactor: factor === undefined ? 1 : fields.factor(factor),
    applyRouterWeightOnInput: architecture.applyRouterWeightOnInput ?? false,
  };
}

function withoutDefaults(router: Router): Router {
  const entries = Object.entries(router).filter(([name, value]) => value !== DEFAULTS[name as keyof Router]);
  return Object.fromEntries(entries) as unknown as Router;
}

/** A config and the parts of it in which the router's fields may be, the innermost first. */
interface Part {
  readonly config: Readonly<Record<string, unknown>>;
  readonly path: string;
}

function partsOf(config: unknown, path = 'config'): Part[] {
  checkObject(path, config, 'the object in a config.json');
  const part: Part = { config: config as Record<string, unknown>, path };
  const inner = PARTS.find((name) => Object.hasOwn(config, name) && part.config[name] !== null);
  return inner === undefined ? [part] : [...partsOf(part.config[inner], `${path}.${inner}`), part];
}

/** The innermost type that is known: a model of images or sound may hold a text model of any architecture. */
function architectureOf(parts: readonly Part[]): string {
  const types = parts.map(({ config }) => config.model_type);
  for (const type of types) {
    const name = MODEL_TYPES.get(type as string);
    if (name !== undefined) return name;
  }
  const outermost = types[types.length - 1];
  const near = typeof outermost === 'string' ? nearest(outermost, [...MODEL_TYPES.keys()]) : undefined;
  const names = `one of ${Object.keys(ARCHITECTURES).join(', ')}`;
  const expected = near === undefined ? names : `${near} (${names})`;
  throw invalid('INVALID_ARGUMENT', 'config.model_type', describe(outermost), expected);
}
