import { checkBoolean, checkSize, describe, invalid } from '@moe-dispatch/core/backend';

/** Names under which config files of one architecture, of different ages, have the same field. */
const ALIASES = [
  ['n_routed_experts', 'num_local_experts', 'num_experts', 'moe_num_experts'],
  ['num_experts_per_tok', 'num_experts_per_token', 'moe_topk', 'moe_top_k', 'moe_k', 'top_k_experts'],
];

/** A part of a config.json, each of whose fields is checked when it is read. */
export class Fields {
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #layer: number | undefined;

  /**
   * @param path of the config, for errors
   * @param layer what fields with a value for each layer are read for
   */
  constructor(config: object, path: string, layer?: number) {
    this.#config = config as Record<string, unknown>;
    this.#path = path;
    this.#layer = layer;
  }

  /** Whether the field is there. */
  has(name: string): boolean {
    return this.#read(name).value !== undefined;
  }

  /** Whether the field is there, and null. */
  isNull(name: string): boolean {
    return this.#read(name).value === null;
  }

  /** An integer of at least `least`, or the layer's of a list of them. */
  size(name: string, least = 1): number {
    const { path, value } = this.#read(name);
    const [place, size] = Array.isArray(value) ? this.#atLayer(path, value) : [path, value];
    checkSize(place, size, least);
    return size;
  }

  number(name: string): number {
    const { path, value } = this.#read(name);
    if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value;
    throw invalid('INVALID_ARGUMENT', path, describe(value), 'a number that is finite as a float32');
  }

  /** Null is a factor of 1: published config files have it so. */
  factor(name: string): number {
    return this.isNull(name) ? 1 : this.number(name);
  }

  flag(name: string): boolean {
    const { path, value } = this.#read(name);
    checkBoolean(path, value);
    return value;
  }

  /** One of these values, or the layer's of a list of them. */
  oneOf<const V>(name: string, values: readonly V[]): V {
    const { path, value } = this.#read(name);
    const [place, one] = Array.isArray(value) ? this.#atLayer(path, value) : [path, value];
    if (values.includes(one as V)) return one as V;
    throw invalid('INVALID_ARGUMENT', place, describe(one), values.map(describe).join(' or '));
  }

  /** A list for each layer whose values are all the same needs no layer. */
  #atLayer(path: string, list: readonly unknown[]): [string, unknown] {
    if (this.#layer !== undefined) return [`${path}[${this.#layer}]`, list[this.#layer]];
    if (list.every((value) => value === list[0])) return [`${path}[0]`, list[0]];
    throw layerNeeded(`${path}, which differs from layer to layer`);
  }

  /** The layer that the caller asks about. */
  layer(reason: string): number {
    if (this.#layer !== undefined) return this.#layer;
    throw layerNeeded(`${this.#path}.${reason}`);
  }

  #read(name: string): { path: string; value: unknown } {
    const names = [name, ...(ALIASES.find((aliases) => aliases.includes(name)) ?? [])];
    const found = names.find((each) => this.#config[each] !== undefined) ?? name;
    return { path: `${this.#path}.${found}`, value: this.#config[found] };
  }
}

function layerNeeded(reason: string): Error {
  return invalid(
    'INVALID_ARGUMENT',
    'options.layer',
    'undefined',
    `the layer's number, because of ${reason}`,
  );
}
