import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
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
    ['header over 1 MiB', file(' '.repeat(2 ** 20 + 1)), 0, 'at most 1048576'],
    ['header of 2^64 - 1', new Uint8Array(8).fill(255), 0, '18446744073709551615'],
    ['not UTF-8', file('{"a\xff"}').map((b) => (b === 0xc3 ? 0xff : b)), 9, 'UTF-8'],
    ['not JSON', file('{"a":{'), 14, 'not valid JSON'],
    ['a string without end', file('{"a'), 9, 'not valid JSON'],
    ['a line break in a string', file('{"a\n":1}'), 9, 'not valid JSON'],
    ['a word that is none', file('{"a":{"b":nul}}'), 18, 'not valid JSON'],
    ['a number that is none', file('{"a":{"b":01}}'), 18, 'not valid JSON'],
    ['a comma too many', file('{"a":{"b":[1,]}}'), 21, 'not valid JSON'],
    ['no comma', file('{"a":{"b":1 "c":2}}'), 20, 'not valid JSON'],
    ['something behind the header', file('{} {}'), 11, 'not valid JSON'],
    ['an array', file([]), 8, 'not a JSON object'],
    ['null', file(null), 8, 'not a JSON object'],
    ['deep nesting', file('['.repeat(100_000)), 8, 'JSON'],
    ['deep arrays', file(`{"a":{"b":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`), 34, 'nests more than 16'],
    ['deep objects', file(`{"a":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}`), 98, 'nests more than 16'],
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
    ['65 dimensions', file({ a: entry('U8', new Array(65).fill(1), 0, 1) }, 1), 9, 'at most 64 sizes'],
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

it('leaves out what a header says beside what the format knows', () => {
  const more = { ...entry('U8', [2], 0, 2), more: [{ a: [null, true, -1.5e3, '\\"é'] }, false, {}, []] };
  expect(readSafetensors(file({ a: more }, 2), 'f').tensors.get('a')).toMatchObject({ shape: [2] });
});

describe('a hostile header', () => {
  /** The reader in a thread with this much heap, of which an empty thread needs 5 MB. */
  async function read(bytes: Uint8Array, heap: number): Promise<string> {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
      bundle: true,
      write: false,
      platform: 'node',
      conditions: ['@moe-dispatch/source'],
    });
    const code = `${outputFiles[0].text}
      const { workerData, parentPort } = require('node:worker_threads');
      try { parentPort.postMessage(String(readSafetensors(new Uint8Array(workerData), 'f').tensors.size)); }
      catch (error) { parentPort.postMessage(error.name); }`;
    const workerData = new SharedArrayBuffer(bytes.length);
    new Uint8Array(workerData).set(bytes);
    const resourceLimits = { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: 1 };
    const worker = new Worker(code, { eval: true, workerData, resourceLimits });
    try {
      const [answer] = await once(worker, 'message');
      return answer;
    } finally {
      await worker.terminate();
    }
  }
  /** As many as fit into a header of so many bytes. */
  const filled = (part: string, size: number) => new Array(Math.floor(size / part.length)).fill(part);
  const LARGEST = 2 ** 20 - 100;

  it.each([
    ['30 MB of objects', `{"a":{"b":[${filled('{},', 3e7).join('')}0]}}`],
    ['objects', `{"a":{"b":[${filled('{},', LARGEST).join('')}0]}}`],
    ['dimensions', `{"a":{"shape":[${filled('1,', LARGEST).join('')}1]}}`],
  ])('takes less than 4 MB, refused: %s', async (_, header) => {
    expect(await read(file(header), 9)).toBe('SafetensorsError');
  });

  it('takes less than 15 MB with as many tensors as it can hold', async () => {
    const one = (_: string, i: number) => `"${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`;
    const tensors = filled(one('', 99_999), LARGEST).map(one);
    expect(await read(file(`{${tensors.join(',')}}`, tensors.length), 20)).toBe(`${tensors.length}`);
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
