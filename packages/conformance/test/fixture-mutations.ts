import { type HostTensor, readSafetensors, writeSafetensors } from '@moe-dispatch/safetensors';
import { Random } from '../src/cases/data.js';

/** One change of a file, at a random place. */
type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** A file with one to four changes; equal seeds give equal files. */
export function mutatedFile(originals: readonly Uint8Array[], seed: number): Uint8Array {
  const random = new Random(seed);
  let bytes = random.pick(originals);
  for (let left = 1 + random.below(4); left > 0; left--) bytes = random.pick(MUTATIONS)(bytes, random);
  return bytes;
}

/** A small fixture whose x is given by its formula. */
export function withGeneratedX(bytes: Uint8Array): Uint8Array {
  const { tensors, metadata } = readSafetensors(bytes, 'original');
  const { shape } = tensors.get('x') as HostTensor;
  const formula = 'x[i] = float32(((i * M) mod 2^32) >> 8) / 2^24, i row-major';
  const generator = JSON.stringify({ shape, dtype: 'float32', formula, M: 2654435761 });
  const rest = new Map([...tensors].filter(([name]) => name !== 'x'));
  return writeSafetensors(rest, new Map([...metadata, ['x_generator', generator]]));
}

/** Numbers, and what stands where a number should. */
const HOSTILE_VALUES = [
  '-1',
  '-0',
  '0.5',
  '1e3',
  '1e308',
  '1e999',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551616',
  '134217728',
  '4294967296',
  'null',
  'true',
  '""',
  '"1"',
  '{}',
  '[]',
  '[[1]]',
  'NaN',
  '"__proto__"',
  '"\\ud800"',
  '"F64"',
  '"BF16"',
  '"I64"',
] as const;
const HOSTILE_ENTRIES = [
  '"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}',
  '"__proto__":{"shape":[9e15]}',
  '"constructor":null',
  '"__metadata__":{"op":"moe_dispatch"}',
  '"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}',
  '"x":{"dtype":"U8","shape":[0,9007199254740991],"data_offsets":[0,0]}',
  '"big":{"dtype":"I64","shape":[4294967296,4294967296],"data_offsets":[0,0]}',
  '"big":{"dtype":"U8","shape":[1000000000000],"data_offsets":[0,1000000000000]}',
  '"dtype":"U8"',
] as const;

const MUTATIONS: readonly Mutation[] = [
  // Bytes anywhere, and in the header alone.
  (bytes, random) => splice(bytes, random.below(bytes.length), 1, [random.below(256)]),
  (bytes, random) => splice(bytes, headerPlace(bytes, random), 1, [random.below(256)]),
  (bytes, random) =>
    splice(bytes, headerPlace(bytes, random), 1, ascii(random.pick([...'{}[]",:0129\\-e.']))),
  (bytes, random) =>
    splice(bytes, headerPlace(bytes, random), 0, ascii(random.pick([...'{}[]",:0129\\-e.']))),
  (bytes, random) => splice(bytes, headerPlace(bytes, random), random.below(9), []),
  // Length: cut, grown, a piece twice.
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => splice(bytes, bytes.length, 0, new Array(random.below(40)).fill(random.below(256))),
  (bytes, random) => {
    const from = random.below(bytes.length);
    return splice(bytes, random.below(bytes.length), 0, bytes.slice(from, from + random.below(64)));
  },
  // The length of the header.
  (bytes, random) => {
    const size = BigInt(bytes.length);
    const lengths = [
      0n,
      1n,
      7n,
      size - 8n,
      size - 7n,
      size,
      2n ** 20n,
      2n ** 20n + 1n,
      2n ** 31n,
      2n ** 53n,
      2n ** 63n,
    ];
    return withLength(
      bytes,
      random.pick([...lengths, 2n ** 64n - 1n, BigInt(random.below(bytes.length + 8))]),
    );
  },
  // JSON that parses and lies.
  (bytes, random) =>
    editHeader(bytes, (text) => replaceMatch(text, /-?\b\d+\b/g, random, random.pick(HOSTILE_VALUES))),
  (bytes, random) =>
    editHeader(bytes, (text) =>
      replaceMatch(text, /"(?:[^"\\]|\\.)*"/g, random, random.pick(HOSTILE_VALUES)),
    ),
  (bytes, random) =>
    editHeader(bytes, (text) => replaceMatch(text, /\b\d+\b/g, random, String(random.below(300)))),
  (bytes, random) => editHeader(bytes, (text) => `{${random.pick(HOSTILE_ENTRIES)},${text.slice(1)}`),
  (bytes, random) => editHeader(bytes, (text) => swapMatches(text, /"data_offsets": ?\[[^\]]*\]/g, random)),
  (bytes, random) => editHeader(bytes, (text) => swapMatches(text, /"[a-z_0-9.]+"(?=:)/g, random)),
  (bytes, random) => editHeader(bytes, (text) => replaceMatch(text, /\[[^[\]]*\]/g, random, nested(random))),
  (bytes, random) => editHeader(bytes, (text) => replaceMatch(text, /"[A-Z_0-9]+"/g, random, nested(random))),
  (bytes, random) =>
    editHeader(bytes, (text) =>
      replaceMatch(text, /"\w+"/g, random, `"${'long'.repeat(random.below(500))}"`),
    ),
];

function nested(random: Random): string {
  const depth = random.pick([10, 1000, 20_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ]);
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: ArrayLike<number>): Uint8Array {
  const tail = bytes.subarray(Math.min(at + remove, bytes.length));
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}

/** Where the header ends, as far as the file has one. */
function headerEnd(bytes: Uint8Array): number {
  if (bytes.length < 8) return bytes.length;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return Math.min(8 + Number(length), bytes.length);
}

function headerPlace(bytes: Uint8Array, random: Random): number {
  return random.below(headerEnd(bytes));
}

function withLength(bytes: Uint8Array, length: bigint): Uint8Array {
  if (bytes.length < 8) return bytes;
  const result = bytes.slice();
  new DataView(result.buffer).setBigUint64(0, BigInt.asUintN(64, length), true);
  return result;
}

/** Changes the header's text and makes its length right again. */
function editHeader(bytes: Uint8Array, edit: (text: string) => string): Uint8Array {
  const end = headerEnd(bytes);
  const header = ascii(edit(new TextDecoder().decode(bytes.subarray(8, end))));
  return withLength(splice(bytes, 8, Math.max(end - 8, 0), header), BigInt(header.length));
}

function replaceMatch(text: string, pattern: RegExp, random: Random, replacement: string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const { index, 0: match } = random.pick(matches);
  return text.slice(0, index) + replacement + text.slice(index + match.length);
}

function swapMatches(text: string, pattern: RegExp, random: Random): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length < 2) return text;
  const [a, b] = [random.pick(matches), random.pick(matches)].sort((one, other) => one.index - other.index);
  if (a.index === b.index) return text;
  const between = text.slice(a.index + a[0].length, b.index);
  return text.slice(0, a.index) + b[0] + between + a[0] + text.slice(b.index + b[0].length);
}
