import type { FloatDType } from '@moe-dispatch/core';

export const MODES = ['softmax', 'topk-only', 'group'] as const;
export const FLOAT_DTYPES: readonly FloatDType[] = ['float32', 'bfloat16', 'float16'];

export type Mode = (typeof MODES)[number];

/** What is dispatched when no file is loaded, and how. The numbers may be wrong: core says so. */
export interface Settings {
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly topK: number;
  readonly mode: Mode;
  readonly dtype: FloatDType;
  /** How much some experts are liked better than others: 0 not at all, 1 a lot. */
  readonly skew: number;
  readonly seed: number;
}

export interface Preset {
  readonly name: string;
  readonly settings: Omit<Settings, 'skew' | 'seed'>;
}

/** Shapes of real models, with so few tokens that a phone takes them: no result is larger than 24 MB. */
export const PRESETS: readonly Preset[] = [
  { name: "Paddle's example", settings: preset(1280, 768, 48, 6, 'softmax', 'float32') },
  { name: 'Mixtral 8×7B', settings: preset(512, 4096, 8, 2, 'softmax', 'bfloat16') },
  { name: 'Qwen3-30B-A3B', settings: preset(512, 2048, 128, 8, 'softmax', 'bfloat16') },
  { name: 'DeepSeek-V3', settings: preset(128, 7168, 256, 8, 'topk-only', 'bfloat16') },
];

function preset(
  tokens: number,
  hidden: number,
  experts: number,
  topK: number,
  mode: Mode,
  dtype: FloatDType,
): Preset['settings'] {
  return { tokens, hidden, experts, topK, mode, dtype };
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
  const mode = MODES.find((name) => name === fields.get('mode'));
  const dtype = FLOAT_DTYPES.find((name) => name === fields.get('dtype'));
  return { ...DEFAULTS, ...found, ...(mode && { mode }), ...(dtype && { dtype }) };
}
