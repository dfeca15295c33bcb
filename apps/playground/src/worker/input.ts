import { DTYPES, type FloatDType, float32ToBfloat16, float32ToFloat16 } from '@moe-dispatch/core';
import type { HostTensor } from '@moe-dispatch/safetensors';
import type { Routing } from '../protocol.js';
import type { Settings } from '../settings.js';

/** What is dispatched, and how. */
export interface DispatchInput {
  readonly title: string;
  readonly x: HostTensor;
  readonly gating: HostTensor;
  readonly routing: Routing;
  /** eScoreCorrectionBias, where the router has one. */
  readonly bias: HostTensor | undefined;
}

/** Settings or a file that this page does not take, though moeDispatch might. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Of the rows of x, of permuteInput and of the gating values together: what a phone's browser can be asked for. */
const MAX_BYTES = 256 * 2 ** 20;
/** Tokens in a row that are of one mind, as those of one text would be. */
const TOKENS_PER_TEXT = 64;

/** Random rows, and gating values by which some experts are liked better than others. */
export function randomInput(settings: Settings, routing: Routing): DispatchInput {
  const { tokens, hidden, experts, topK, dtype, seed } = settings;
  for (const [name, size] of Object.entries({ T: tokens, D: hidden, E: experts })) {
    if (Number.isInteger(size) && size >= 0) continue;
    throw new InputError(`${name}: expected an integer of at least 0, found ${size}`);
  }
  const rows = tokens * hidden * DTYPES[dtype].bytes;
  // A K that is too large is for core to refuse.
  const copies = topK <= experts ? topK : 0;
  checkSize(rows * (1 + copies) + tokens * experts * 4);
  const random = xorshift(seed);
  const gating = randomGating(settings, normal(random));
  const x = Float32Array.from({ length: tokens * hidden }, () => random() * 2 - 1);
  return {
    title: 'random data',
    x: { data: toDType(x, dtype), shape: [tokens, hidden], dtype },
    gating: { data: gating, shape: [tokens, experts], dtype: 'float32' },
    routing,
    bias: biasOf(routing, experts, seed),
  };
}

/** A file's input, routed as asked: with its own bias, if it has one and the router takes one. */
export function withRouting(file: DispatchInput, routing: Routing, seed: number): DispatchInput {
  const madeUp = biasOf(routing, file.gating.shape[1], seed);
  return { ...file, routing, bias: madeUp && (file.bias ?? madeUp) };
}

/** Throws InputError where the tensors would be too large for the page. */
export function checkSize(bytes: number): void {
  if (bytes <= MAX_BYTES) return;
  const mebibytes = (value: number) => `${Math.ceil(value / 2 ** 20)} MiB`;
  throw new InputError(
    `this page takes at most ${mebibytes(MAX_BYTES)} of tensors, and this would be ${mebibytes(bytes)}: choose a smaller T, D or K`,
  );
}

/** [E]: a bias as large as matters among scores, made up; undefined for a router without one. */
function biasOf({ biased, options }: Routing, experts: number, seed: number): HostTensor | undefined {
  if (!biased) return undefined;
  const size = options.router?.scoringFunc === 'sigmoid' ? 0.1 : 1 / experts;
  // Another stream than that of the gating, so that it knows nothing of what tokens like.
  const noise = normal(xorshift(~seed));
  const data = Float32Array.from({ length: experts }, () => noise() * size);
  return { data, shape: [experts], dtype: 'float32' };
}

/** [T, E]: noise, what all tokens like, and what the tokens of one text like. */
function randomGating(
  { tokens, experts, mode, skew }: Settings,
  noise: () => number,
): Float32Array<ArrayBuffer> {
  const gating = new Float32Array(tokens * experts);
  const liked = Float32Array.from({ length: experts }, () => noise() * skew);
  const likedHere = new Float32Array(experts);
  for (let token = 0; token < tokens; token++) {
    if (token % TOKENS_PER_TEXT === 0)
      likedHere.forEach((_, e) => {
        likedHere[e] = liked[e] + noise() * 1.5 * skew;
      });
    for (let e = 0; e < experts; e++) gating[token * experts + e] = noise() + likedHere[e];
  }
  // Scores that are used without a softmax are often probabilities.
  return mode === 'topk-only' ? gating.map((value) => 1 / (1 + Math.exp(-value))) : gating;
}

function toDType(values: Float32Array<ArrayBuffer>, dtype: FloatDType): HostTensor['data'] {
  if (dtype === 'float32') return values;
  const convert = dtype === 'float16' ? float32ToFloat16 : float32ToBfloat16;
  return convert(values) as Uint16Array<ArrayBuffer>;
}

/** Marsaglia's xorshift of 32 bits: numbers from 0 to below 1, the same for the same seed everywhere. */
function xorshift(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Nearly normal, of mean 0 and deviation 1: the sum of four uniform numbers. */
function normal(random: () => number): () => number {
  return () => (random() + random() + random() + random() - 2) * Math.sqrt(3);
}
