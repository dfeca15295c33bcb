import { describe, expect, it, vi } from 'vitest';
import {
  InvalidArgumentError,
  isMoeDispatchError,
  isTensor,
  MoeDispatchError,
  moeDispatch,
} from '../src/index.js';
import { StubBackend, type StubTensor } from './stub-backend.js';

const details = { argument: 'x', found: 'a', expected: 'b' };

describe('errors', () => {
  it('carry code, argument, found and expected, and say them', () => {
    const error = new InvalidArgumentError('INVALID_SHAPE', { ...details, cause: 1 });
    expect(error).toMatchObject({
      ...details,
      code: 'INVALID_SHAPE',
      name: 'InvalidArgumentError',
      cause: 1,
    });
    expect(error.message).toBe('x: expected b, found a');
    expect(error).toBeInstanceOf(MoeDispatchError);
    expect(error).toBeInstanceOf(Error);
  });

  it.each([undefined, null, 'x', new Error('x'), { code: 'INVALID_SHAPE' }])(
    'does not take %j for one',
    (value) => {
      expect(isMoeDispatchError(value)).toBe(false);
    },
  );

  it.each([
    [-0, '-0'],
    [10n, '10n'],
    ['a'.repeat(200), `'${'a'.repeat(80)}'`],
    [[1, 2], 'an array of length 2'],
    [Object.create(null), 'an object'],
    [new Map(), 'an instance of Map'],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
    [new DataView(new ArrayBuffer(3)), 'DataView of 3 bytes'],
  ])('describe %s without calling it', (value, found) => {
    const backend = new StubBackend();
    const gating = backend.empty([1, 8], 'float32');
    expect(() => moeDispatch(value as StubTensor, gating, { moeTopk: 1 })).toThrow(`found ${found}`);
  });
});

describe('another copy of core', () => {
  it('recognises tensors, backends and errors of this one', async () => {
    vi.resetModules();
    const other = await import('../src/index.js');
    expect(other.MoeDispatchError).not.toBe(MoeDispatchError);
    expect(other.isMoeDispatchError(new InvalidArgumentError('INVALID_SHAPE', details))).toBe(true);
    const backend = new StubBackend();
    const x = backend.empty([2, 4], 'float32');
    const gating = backend.empty([2, 8], 'float32');
    expect(other.isTensor(x)).toBe(true);
    expect(isTensor({ shape: [], dtype: 'float32' })).toBe(false);
    expect(other.moeDispatch(x, gating, { moeTopk: 2 }).permuteInput.shape).toEqual([4, 4]);
    expect(await other.selectBackend([{ name: 'stub', create: () => backend }])).toBe(backend);
  });
});
