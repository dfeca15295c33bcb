import type { FloatDType } from '@moe-dispatch/core';
import { MODELS, type Model } from './models.js';
import type { Routing } from './protocol.js';

export const PADDLE_MODES = ['softmax', 'topk-only', 'group'] as const;
export const FLOAT_DTYPES: readonly FloatDType[] = ['float32', 'bfloat16', 'float16'];

/** What is dispatched when no file is loaded, and how. The numbers may be wrong: core says so. */
export interface Settings {
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly topK: number;
  /** One of Paddle's modes, or a name in MODELS. */
  readonly mode: string;
  readonly dtype: FloatDType;
  /** How much some experts are liked better than others: 0 not at all, 1 a lot. */
  readonly skew: number;
  readonly seed: number;
}

/** The mode, if there is one of that name. */
export function knownMode(name: string | null | undefined): string | undefined {
  return [...PADDLE_MODES, ...MODELS.keys()].find((mode) => mode === name);
}

export function routingOf({ topK, mode }: Settings): Routing {
  const model = MODELS.get(mode);
  const options = model
    ? { router: { ...model.router, topK } }
    : { moeTopk: topK, groupMoe: mode === 'group', topkOnlyMode: mode === 'topk-only' };
  return { mode, options, biased: model?.tensors.eScoreCorrectionBias !== undefined };
}

export interface Preset {
  readonly name: string;
  readonly settings: Omit<Settings, 'skew' | 'seed'>;
}

/** Shapes and routers of real models, with so few tokens that a phone takes them: no result is larger than 24 MB. */
export const PRESETS: readonly Preset[] = [
  {
    name: "Paddle's example",
    settings: { tokens: 1280, hidden: 768, experts: 48, topK: 6, mode: 'softmax', dtype: 'float32' },
  },
  ...[...MODELS].map(([mode, model]) => ({ name: model.name, settings: settingsOf(mode, model) })),
];

function settingsOf(mode: string, { hidden, numExperts, router }: Model): Preset['settings'] {
  const { topK } = router;
  const tokens = topK * hidden > 20_000 ? 128 : 512;
  return { tokens, hidden, experts: numExperts, topK, mode, dtype: 'bfloat16' };
}

export const DEFAULTS: Settings = { ...PRESETS[0].settings, skew: 0.5, seed: 1 };

export function presetOf(settings: Settings): Preset | undefined {
  return PRESETS.find(({ settings: wanted }) =>
    Object.entries(wanted).every(([key, value]) => settings[key as keyof Settings] === value),
  );
}

/** The names of the numbers in the address. */
const NUMBERS = { T: 'tokens', D: 'hidden', E: 'experts', K: 'topK', skew: 'skew', seed: 'seed' } as const;

/** The part of the address behind the #. */
export function toHash(settings: Settings): string {
  const fields = new URLSearchParams();
  for (const [key, name] of Object.entries(NUMBERS)) fields.set(key, String(settings[name]));
  fields.set('mode', settings.mode);
  fields.set('dtype', settings.dtype);
  return fields.toString();
}

/** Settings from an address; whatever is missing or makes no sense keeps its default. */
export function fromHash(hash: string): Settings {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const found: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(NUMBERS)) {
    const text = fields.get(key);
    if (text !== null && /^\d+(\.\d+)?$/.test(text)) found[name] = Number(text);
  }
  const mode = knownMode(fields.get('mode'));
  const dtype = FLOAT_DTYPES.find((name) => name === fields.get('dtype'));
  return { ...DEFAULTS, ...found, ...(mode && { mode }), ...(dtype && { dtype }) };
}
