import { type DType, selectBackend } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { cpu } from '../src/index.js';

const backend = await selectBackend([cpu()]);
const error = (code: string, argument: string) => expect.objectContaining({ code, argument });

describe('tensor()', () => {
  it('takes numbers, nested as the shape is', async () => {
    const tensor = backend.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([tensor.shape, tensor.dtype]).toEqual([[2, 3], 'float32']);
    expect(await tensor.toNumbers()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(backend.tensor([]).shape).toEqual([0]);
    expect(backend.tensor([[], []]).shape).toEqual([2, 0]);
    expect(backend.tensor([1, 2, 3, 4], [2, 2]).shape).toEqual([2, 2]);
  });

  it.each<[DType, number[]]>([
    ['float16', [1, -2, 65504, 2 ** -24]],
    ['bfloat16', [1, -2, 3.3895313892515355e38, 0]],
    ['int32', [0, -(2 ** 31), 2 ** 31 - 1]],
    ['int64', [0, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]],
    ['int8', [-128, 127]],
    ['uint8', [0, 255]],
  ])('takes numbers for %s, and toNumbers gives them back', async (dtype, numbers) => {
    expect(await backend.tensor(numbers, [numbers.length], dtype).toNumbers()).toEqual(numbers);
  });

  it.each<[DType, number]>([
    ['int32', 1.5],
    ['int32', 2 ** 31],
    ['int64', Number.NaN],
    ['int64', 2 ** 53],
    ['int8', 128],
    ['int8', -129],
    ['uint8', -1],
    ['float8_e5m2', 1],
  ])('refuses to make a %s of %d', (dtype, value) => {
    expect(() => backend.tensor([value], [1], dtype as 'int32')).toThrow(error('INVALID_ARGUMENT', 'data'));
  });

  it.each([
    [[[1, 2], [3]]],
    [[[1], 2]],
    [['1']],
    [[null]],
    [[undefined]],
    // biome-ignore lint/suspicious/noSparseArray: that is the point
    [[1, , 2]],
  ])('refuses %j', (data) => {
    expect(() => backend.tensor(data as never)).toThrow(error('INVALID_ARGUMENT', 'data'));
  });

  it('knows the dtype of a typed array', () => {
    expect(backend.tensor(Float32Array.of(1), [1]).dtype).toBe('float32');
    expect(backend.tensor(Int32Array.of(1), [1]).dtype).toBe('int32');
    expect(backend.tensor(BigInt64Array.of(1n), [1]).dtype).toBe('int64');
    expect(backend.tensor(Int8Array.of(1), [1]).dtype).toBe('int8');
    expect(backend.tensor(Uint8Array.of(1), [1]).dtype).toBe('uint8');
  });

  it('rounds float32 values to 16 bits', async () => {
    const values = Float32Array.of(1.0009765625, 3.0000001, 1e-8);
    expect([...(await backend.tensor(values, [3], 'float16').read())]).toEqual([0x3c01, 0x4200, 0]);
    expect([...(await backend.tensor(values, [3], 'bfloat16').read())]).toEqual([0x3f80, 0x4040, 0x322c]);
  });

  it.each([
    ['shape', 'INVALID_SHAPE', [Float32Array.of(1)]],
    ['shape', 'INVALID_SHAPE', [Float32Array.of(1), 'float32']],
    ['shape', 'INVALID_SHAPE', [[1], Float32Array.of(1)]],
    ['dtype', 'UNSUPPORTED_DTYPE', ['float32', [1], Float32Array.of(1)]],
    ['data', 'INVALID_SHAPE', [Float32Array.of(1, 2), [3]]],
  ])('names the %s that is missing or in the wrong place', (argument, code, parameters) => {
    const tensor = backend.tensor as (...parameters: unknown[]) => unknown;
    expect(() => tensor.apply(backend, parameters)).toThrow(error(code, argument));
    if (argument !== 'data') {
      expect(() => tensor.apply(backend, parameters)).toThrow('as in tensor(data, shape, dtype)');
    }
  });
});

describe('toNumbers()', () => {
  it.each<[DType, Uint8Array<ArrayBuffer>, number[]]>([
    [
      'float8_e4m3fn',
      Uint8Array.of(0, 1, 0x08, 0x38, 0xb8, 0x7e, 0xff),
      [0, 2 ** -9, 2 ** -6, 1, -1, 448, Number.NaN],
    ],
    [
      'float8_e5m2',
      Uint8Array.of(0, 1, 0x3c, 0xbc, 0x7b, 0x7c, 0x7e),
      [0, 2 ** -16, 1, -1, 57344, Number.POSITIVE_INFINITY, Number.NaN],
    ],
  ])('decodes %s', async (dtype, bytes, numbers) => {
    expect(await backend.tensor(bytes, [bytes.length], dtype as 'uint8').toNumbers()).toEqual(numbers);
  });
});

describe('wrap()', () => {
  it('starts at byteOffset', async () => {
    const native = Float32Array.of(1, 2, 3, 4, 5);
    const tensor = backend.wrap(native.subarray(1), [2], 'float32', { byteOffset: 4 });
    expect(await tensor.toNumbers()).toEqual([3, 4]);
    expect(() => backend.wrap(native, [2], 'float32', { byteOffset: 16 })).toThrow(
      error('BUFFER_TOO_SMALL', 'native'),
    );
  });

  it('goes on with a resizable buffer that shrank but is still large enough', async () => {
    const Resizable = ArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & { resize(bytes: number): void };
    const buffer = new Resizable(32, { maxByteLength: 32 });
    const tensor = backend.wrap(new Float32Array(buffer, 0, 8).fill(7), [2], 'float32');
    buffer.resize(16);
    expect(await tensor.toNumbers()).toEqual([7, 7]);
    buffer.resize(4);
    await expect(tensor.read()).rejects.toMatchObject({ code: 'BUFFER_TOO_SMALL' });
  });
});

describe('a CPU tensor', () => {
  it('names its class', () => {
    expect(String(backend.tensor([[1, 2]]))).toBe('CpuTensor float32 [1, 2]');
  });

  it('shows no padding of the memory behind it', () => {
    const tensor = backend.empty([3], 'int8');
    expect(tensor.data).toHaveLength(3);
    expect('array' in tensor).toBe(false);
  });
});
