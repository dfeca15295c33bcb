import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type HostTensor, readSafetensors, SafetensorsError, writeSafetensors } from '../src/index.js';

const fixture = new Uint8Array(
  readFileSync(new URL('../../conformance/fixtures/softmax-e2-k1-f16.safetensors', import.meta.url)),
);

/** A file with this header and so many bytes of data, 0, 1, 2, … */
function file(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  for (let i = 0; i < dataBytes; i++) bytes[8 + json.length + i] = i;
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

function errorOf(bytes: Uint8Array): SafetensorsError {
  try {
    readSafetensors(bytes, 'bad.safetensors');
  } catch (error) {
    if (error instanceof SafetensorsError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('readSafetensors', () => {
  it('reads a golden file', () => {
    const { tensors, metadata } = readSafetensors(fixture, 'golden');
    expect(metadata.get('moe_topk')).toBe('1');
    expect([...tensors.keys()].sort()).toEqual([
      'expert_scales_float',
      'gating_output',
      'permute_indices_per_token',
      'permute_input',
      'token_nums_per_expert',
      'top_k_indices',
      'x',
    ]);
    expect(tensors.get('x')).toMatchObject({ dtype: 'float16', shape: [7, 3] });
  });

  it('reads every dtype from misaligned data', () => {
    const header = {
      a: entry('I8', [1], 0, 1),
      b: entry('F32', [1], 1, 5),
      c: entry('I64', [1], 5, 13),
      d: entry('BF16', [1, 1], 13, 15),
      e: entry('F8_E4M3', [2], 15, 17),
    };
    const { tensors } = readSafetensors(file(header, 17), 'f');
    expect(new Uint32Array(tensors.get('b')!.data.buffer)[0]).toBe(0x04030201);
    expect(tensors.get('c')!.data[0]).toBe(0x0c0b0a0908070605n);
    expect(tensors.get('d')).toEqual({ data: Uint16Array.of(0x0e0d), shape: [1, 1], dtype: 'bfloat16' });
    expect(tensors.get('e')).toEqual({ data: Uint8Array.of(15, 16), shape: [2], dtype: 'float8_e4m3fn' });
  });

  it('takes __proto__ and the like for names', () => {
    const header =
      '{"__metadata__":{"__proto__":"m"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    const { tensors, metadata } = readSafetensors(file(header, 1), 'f');
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect([...metadata]).toEqual([['__proto__', 'm']]);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    const inherited = '{"a":{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}';
    expect(errorOf(file(inherited, 1)).message).toContain('dtype');
  });

  const good = entry('U8', [2], 0, 2);
  const bad: [name: string, bytes: Uint8Array, offset: number, message: string][] = [
    ['empty', new Uint8Array(0), 0, 'ends inside'],
    ['7 bytes', new Uint8Array(7), 7, 'ends inside'],
    ['header beyond the file', fixture.slice(0, 100), 0, 'in a file of 100 bytes'],
    ['header over 100 MB', Uint8Array.of(1, 0xe1, 0xf5, 5, 0, 0, 0, 0), 0, 'at most 100000000'],
    ['header of 2^64 - 1', new Uint8Array(8).fill(255), 0, '18446744073709551615'],
    ['not UTF-8', file('{"a\xff"}').map((b) => (b === 0xc3 ? 0xff : b)), 8, 'UTF-8'],
    ['not JSON', file('{"a":'), 8, 'not valid JSON'],
    ['an array', file([]), 8, 'not a JSON object'],
    ['null', file(null), 8, 'not a JSON object'],
    ['deep nesting', file('['.repeat(100_000)), 8, 'JSON'],
    ['deep arrays', file(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`), 28, 'nests more than 16'],
    ['deep objects', file(`{"a":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}`), 88, 'nests more than 16'],
    ['a long name', file({ ['long'.repeat(1e5)]: 1 }), 9, `${'long'.repeat(20)}…': not a JSON object`],
    ['entry not an object', file({ a: 1 }), 9, 'not a JSON object'],
    ['metadata not an object', file({ __metadata__: [] }), 9, 'not a JSON object'],
    ['metadata not text', file({ __metadata__: { a: 1 } }), 9, "value of 'a'"],
    ['unknown dtype', file({ a: entry('F64', [1], 0, 8) }, 8), 9, '"F64" is not one of'],
    ['dtype an inherited name', file({ a: entry('constructor', [1], 0, 8) }, 8), 9, 'is not one of'],
    ['dtype missing', file({ a: { shape: [1], data_offsets: [0, 1] } }, 1), 9, 'undefined is not one of'],
    ['shape negative', file({ a: entry('U8', [-1, -2], 0, 2) }, 2), 9, 'shape'],
    ['shape fraction', file({ a: entry('U8', [0.5, 4], 0, 2) }, 2), 9, 'shape'],
    ['shape not an array', file({ a: entry('U8', 2, 0, 2) }, 2), 9, 'shape'],
    ['shape too large', file({ a: entry('U8', [2 ** 50, 2 ** 50], 0, 2) }, 2), 9, 'takes'],
    ['offsets reversed', file({ a: entry('U8', [2], 2, 0) }, 2), 9, 'data_offsets'],
    ['offsets text', file({ a: entry('U8', [2], '0', '2') }, 2), 9, 'data_offsets'],
    ['size not of the shape', file({ a: entry('F32', [2], 0, 2) }, 2), 9, 'takes 8 bytes, data_offsets 2'],
    ['beyond the data', file({ a: entry('U8', [3], 0, 3) }, 2), 9, 'ends at 3'],
    ['overlap', file({ a: good, b: entry('U8', [2], 1, 3) }, 3), 61, "overlaps 'a'"],
    ['the same bytes twice', file({ a: good, b: good }, 2), 61, "overlaps 'a'"],
    ['gap', file({ a: good, b: entry('U8', [1], 3, 4) }, 4), 61, 'no tensor has the bytes from 2'],
    ['bytes left over', file({ a: good }, 3), 9, 'the last tensor ends at 2'],
    ['data without tensors', file({}, 3), 8, 'ends at 0'],
    [
      'name twice',
      file(`{"é":${JSON.stringify(good)},"\\u00e9":${JSON.stringify(good)}}`, 2),
      62,
      'comes twice',
    ],
    [
      'field twice',
      file('{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}', 1),
      27,
      "'dtype' comes twice",
    ],
  ];
  it.each(bad)('refuses: %s', (_, bytes, offset, message) => {
    const error = errorOf(bytes);
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^bad\.safetensors, byte /);
    expect(error).toMatchObject({ name: 'SafetensorsError', file: 'bad.safetensors', offset });
  });
});

describe('writeSafetensors', () => {
  it('writes what the reader reads back', () => {
    const tensors = new Map<string, HostTensor>([
      ['bytes', { data: Uint8Array.of(1, 2, 3), shape: [3], dtype: 'uint8' }],
      ['__proto__', { data: BigInt64Array.of(-5n, 2n ** 62n), shape: [1, 2], dtype: 'int64' }],
      ['empty', { data: new Uint16Array(0), shape: [0, 4], dtype: 'float16' }],
      ['x', { data: Float32Array.of(0.5, -0, Number.NaN), shape: [3, 1], dtype: 'float32' }],
    ]);
    const metadata = new Map([['op', 'moe_dispatch é']]);
    const bytes = writeSafetensors(tensors, metadata);
    const read = readSafetensors(bytes, 'written');
    expect(new Map(read.tensors)).toEqual(tensors);
    expect(read.metadata).toEqual(metadata);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
  });

  it('refuses a tensor named like the metadata', () => {
    const tensor = { data: new Uint8Array(1), shape: [1], dtype: 'uint8' } as const;
    expect(() => writeSafetensors(new Map([['__metadata__', tensor]]))).toThrow(TypeError);
  });
});
