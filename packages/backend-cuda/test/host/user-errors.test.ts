import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildFakeDriver } from '../support/fake-driver.js';

const CALLS = fileURLToPath(new URL('../support/user-errors.mjs', import.meta.url));

let driver: ReturnType<typeof buildFakeDriver>;
beforeAll(() => {
  driver = buildFakeDriver();
});
afterAll(() => driver.remove());

it('what a user gets wrong is a typed error, and leaves no tensor behind', () => {
  const env = { ...process.env, LD_LIBRARY_PATH: driver.folder, FAKE_CUDA: '' };
  const results = JSON.parse(execFileSync(process.execPath, [CALLS], { env, encoding: 'utf8' }));
  expect(results).toEqual({
    'cuda(null)': 'INVALID_ARGUMENT options',
    'cuda({ ordinal: -1 })': 'INVALID_ARGUMENT ordinal',
    'cuda({ device: 0 })': 'INVALID_ARGUMENT options.device',
    'wrap(null)': 'INVALID_ARGUMENT native',
    'wrap(a revoked proxy)': 'INVALID_ARGUMENT native',
    'wrap(a number as devicePtr)': 'INVALID_ARGUMENT native',
    'wrap(an odd devicePtr)': 'INVALID_ARGUMENT native',
    'wrap(without byteLength)': 'INVALID_ARGUMENT native',
    'wrap(too little memory)': 'BUFFER_TOO_SMALL native',
    'wrap(too little memory behind byteOffset)': 'BUFFER_TOO_SMALL native',
    'wrap(byteOffset 2)': 'INVALID_ARGUMENT byteOffset',
    'wrap(byte_offset)': 'INVALID_ARGUMENT options.byte_offset',
    'wrap(a disposed tensor)': 'TENSOR_DISPOSED tensor',
    'withStream(5)': 'INVALID_ARGUMENT handle',
    'prepare(moeReduce, int32)': 'UNSUPPORTED_DTYPE dtype',
    'prepare(moeReduce, norm_topk_prob)': 'INVALID_ARGUMENT options.norm_topk_prob',
    'the address behind byteOffset': 16,
    'the capacity behind byteOffset': 48,
    shown: 'CudaTensor float32 [4]',
    'live tensors': 1,
  });
});
