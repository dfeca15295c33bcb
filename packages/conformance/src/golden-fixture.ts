import { type DType, type FloatDType, float32ToBfloat16, float32ToFloat16 } from '@moe-dispatch/core';
import { OPERATIONS, type OperationName, TENSORS, type TensorName } from '@moe-dispatch/core/backend';
import { readSafetensors, type SafetensorsFile } from '@moe-dispatch/safetensors';
import { elementCount, type HostTensor } from './host-tensor.js';
import type { CallOptions, HostCall, HostTensors } from './operations/host-call.js';

/** A call whose outputs are known. */
export interface GoldenCall extends HostCall {
  /** Names it within its file: `moeDispatch`, `reduce0`, … */
  readonly name: string;
  /** Those outputs that the file holds. */
  readonly outputs: HostTensors;
  /** SHA-256 of the bytes of outputs, in hexadecimal. */
  readonly hashes: { readonly [Name in TensorName]?: string };
  /** Whether the outputs are those of Paddle's kernels, which are less exact than the contract. */
  readonly byPaddle: boolean;
}

/** A readable file that is not a fixture of the known form. */
export class FixtureError extends Error {
  override readonly name = 'FixtureError';
  readonly file: string;
  /** Where the file's header names the tensor or the metadata at fault, in bytes. */
  readonly offset: number;

  constructor(file: string, offset: number, message: string) {
    super(`${file}, byte ${offset}: ${message}`);
    this.file = file;
    this.offset = offset;
  }
}

/**
 * The calls in a file, by its metadata `op`: `moe_dispatch` is Paddle's operator, followed by calls of moe_reduce on its
 * routing; any operation of core's table is one call of that (fixtures/README.md).
 * @throws SafetensorsError, FixtureError
 */
export function parseGolden(bytes: Uint8Array, file: string): GoldenCall[] {
  const reader = new FixtureReader(readSafetensors(bytes, file), file);
  const op = reader.metadata('op');
  if (op === 'moe_dispatch') return parsePaddle(reader);
  if (Object.hasOwn(OPERATIONS, op)) return [parseCall(reader, op as OperationName)];
  const known = ['moe_dispatch', ...Object.keys(OPERATIONS)].map((name) => `'${name}'`);
  throw reader.wrongMetadata('op', op, known.join(', '));
}

/** Tensors by their names in core's table, and the metadata `options`: the function's options as JSON. */
function parseCall(reader: FixtureReader, operation: OperationName): GoldenCall {
  const { inputs, optional, outputs } = OPERATIONS[operation];
  const { tensors } = reader.content;
  const pick = (names: readonly TensorName[]): HostTensors =>
    Object.fromEntries(
      names.flatMap((name) => (tensors.has(name) ? [[name, reader.tableTensor(name)]] : [])),
    );
  for (const name of inputs) reader.tableTensor(name);
  const call = {
    name: operation,
    operation,
    inputs: pick([...inputs, ...optional]),
    options: reader.json('options') as CallOptions,
    outputs: pick(outputs),
    hashes: {},
    byPaddle: false,
  };
  if (Object.keys(call.outputs).length > 0) return call;
  throw reader.error(`none of the outputs ${outputs.join(', ')} is there`);
}

function parsePaddle(reader: FixtureReader): GoldenCall[] {
  const { tensors, metadata } = reader.content;
  const routing = {
    permuteIndicesPerToken: reader.tensor('permute_indices_per_token', 'int32'),
    expertScalesFloat: reader.tensor('expert_scales_float', 'float32'),
    topKIndices: reader.tensor('top_k_indices', 'int32'),
  };
  const permuteInput = tensors.get('permute_input');
  const hash = metadata.get('permute_input_sha256');
  const dispatch: GoldenCall = {
    name: 'moeDispatch',
    operation: 'moeDispatch',
    inputs: {
      x: tensors.get('x') ?? generateX(reader),
      gatingOutput: reader.tensor('gating_output', 'float32'),
    },
    options: {
      moeTopk: reader.natural('moe_topk'),
      groupMoe: reader.flag('group_moe'),
      topkOnlyMode: reader.flag('topk_only_mode'),
    },
    outputs: {
      ...routing,
      expertOffsets: offsetsOf(reader.tensor('token_nums_per_expert', 'int64')),
      ...(permuteInput === undefined ? {} : { permuteInput }),
    },
    hashes: hash === undefined ? {} : { permuteInput: hash },
    byPaddle: true,
  };
  const reduces = [...metadata.keys()].filter((key) => /^reduce\d+$/.test(key)).sort();
  return [dispatch, ...reduces.map((name) => parseReduce(reader, name, routing))];
}

/** What Paddle calls token_nums_per_expert are the inclusive prefix sums [E]. */
function offsetsOf({ data, shape }: HostTensor<'int64'>): HostTensor<'int32'> {
  return { data: Int32Array.of(0, ...Array.from(data, Number)), shape: [shape[0] + 1], dtype: 'int32' };
}

function parseReduce(reader: FixtureReader, name: string, routing: HostTensors): GoldenCall {
  const { norm_topk_prob: norm, routed_scaling_factor: factor, bias } = reader.json(name);
  if (typeof norm !== 'boolean' || typeof factor !== 'number' || typeof bias !== 'boolean') {
    const expected = 'norm_topk_prob (boolean), routed_scaling_factor (number) and bias (boolean)';
    throw reader.error(`metadata '${shortenText(name)}' must have ${expected}`);
  }
  const ffnOut = reader.floatTensor(`${name}.ffn_out`);
  const ffn2Bias = bias ? { ffn2Bias: reader.tensor(`${name}.ffn2_bias`, ffnOut.dtype) } : {};
  return {
    name,
    operation: 'moeReduce',
    inputs: { ...routing, ffnOut, ...ffn2Bias },
    options: { normTopkProb: norm, routedScalingFactor: factor },
    outputs: { output: reader.tensor(`${name}.output`, ffnOut.dtype) },
    hashes: {},
    byPaddle: true,
  };
}

/** What is taken out of a file, with errors that name it. */
class FixtureReader {
  readonly content: SafetensorsFile;
  private readonly file: string;

  constructor(content: SafetensorsFile, file: string) {
    this.content = content;
    this.file = file;
  }

  /** @param name of the tensor at fault */
  error(message: string, name = '__metadata__'): FixtureError {
    return new FixtureError(this.file, this.content.offsetOf(name), message);
  }

  tensor<D extends DType>(name: string, dtype: D): HostTensor<D> {
    const tensor = this.content.tensors.get(name);
    if (tensor === undefined) throw this.error(`tensor '${name}' is missing`, name);
    if (tensor.dtype !== dtype) {
      throw this.error(`tensor '${name}' is ${tensor.dtype}, expected ${dtype}`, name);
    }
    return tensor as HostTensor as HostTensor<D>;
  }

  /** A tensor of core's table. */
  tableTensor(name: TensorName): HostTensor {
    const { dtype } = TENSORS[name];
    const found = this.content.tensors.get(name)?.dtype;
    return this.tensor<DType>(name, dtype === 'rows' || dtype === 'gating' ? (found ?? 'float32') : dtype);
  }

  floatTensor(name: string): HostTensor<FloatDType> {
    const dtype = this.content.tensors.get(name)?.dtype;
    return this.tensor(name, dtype === 'float16' || dtype === 'bfloat16' ? dtype : 'float32');
  }

  metadata(key: string): string {
    const value = this.content.metadata.get(key);
    if (value === undefined) throw this.error(`metadata '${key}' is missing`);
    return value;
  }

  flag(key: string): boolean {
    const value = this.metadata(key);
    if (value === 'true' || value === 'false') return value === 'true';
    throw this.wrongMetadata(key, value, "'true' or 'false'");
  }

  natural(key: string): number {
    const value = this.metadata(key);
    if (/^\d{1,9}$/.test(value)) return Number(value);
    throw this.wrongMetadata(key, value, 'a whole number');
  }

  wrongMetadata(key: string, value: string, expected: string): FixtureError {
    return this.error(`metadata '${key}' is '${shortenText(value)}', expected ${expected}`);
  }

  json(key: string): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(this.metadata(key));
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch (error) {
      if (error instanceof FixtureError) throw error;
    }
    throw this.error(`metadata '${shortenText(key)}' is not a JSON object`);
  }
}

const FORMULA = 'x[i] = float32(((i * M) mod 2^32) >> 8) / 2^24, i row-major';
/** No fixture needs more; a hostile one must not fill the memory. */
const MAX_GENERATED = 2 ** 24;

/** x of a file that holds only its formula. The 16-bit types round its values, which have 24 bits. */
function generateX(reader: FixtureReader): HostTensor {
  if (!reader.content.metadata.has('x_generator')) {
    throw reader.error("neither tensor 'x' nor metadata 'x_generator' is there");
  }
  const { shape, dtype, formula, M } = reader.json('x_generator');
  if (formula !== FORMULA)
    throw reader.error(`x_generator: unknown formula ${quote(formula)}, known is '${FORMULA}'`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw reader.error('x_generator: shape is not an array of sizes');
  }
  if (elementCount(shape) > MAX_GENERATED) {
    throw reader.error(`x_generator: more than ${MAX_GENERATED} elements`);
  }
  if (!Number.isSafeInteger(M)) throw reader.error('x_generator: M is not an integer');
  const data = new Float32Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = (Math.imul(i, M as number) >>> 8) / 2 ** 24;
  if (dtype === 'float32') return { data, shape, dtype };
  const words = new Uint16Array(data.length);
  if (dtype === 'float16') float32ToFloat16(data, words);
  else if (dtype === 'bfloat16') float32ToBfloat16(data, words);
  else throw reader.error(`x_generator: unknown dtype ${quote(dtype)}`);
  return { data: words, shape, dtype };
}

/** Not String(value), which runs out of stack if arrays nest deeply. */
function quote(value: unknown): string {
  return typeof value === 'string' ? `'${shortenText(value)}'` : `of type ${typeof value}`;
}

/** For messages: what a file holds may be long. */
function shortenText(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
