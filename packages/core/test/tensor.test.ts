import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { moeDispatch } from '../src/index.js';
import { StubBackend } from './stub-backend.js';

describe('a tensor', () => {
  it('prints in one line', () => {
    const tensor = new StubBackend().empty([2, 2], 'float32');
    expect(String(tensor)).toBe('Tensor float32 [2, 2]');
    expect(inspect(tensor)).toBe('Tensor float32 [2, 2]');
    expect(JSON.stringify({ tensor })).toBe('{"tensor":"Tensor float32 [2, 2]"}');
  });

  it('is not what only inherits from one', () => {
    const backend = new StubBackend();
    const tensor = backend.empty([2, 2], 'float32');
    const derived = Object.create(tensor) as typeof tensor;
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => derived.dispose()).toThrow(invalid);
    expect(() => moeDispatch(derived, tensor, { moeTopk: 1 })).toThrow(invalid);
    expect(derived.disposed).toBe(true);
    expect([tensor.disposed, backend.stub.made[0].released]).toEqual([false, 0]);
    tensor.dispose();
    tensor.dispose();
    expect(backend.memory().liveTensors).toBe(0);
    expect(backend.stub.made[0].released).toBe(1);
  });

  it('that could not be made is not counted', () => {
    const backend = new StubBackend();
    backend.stub.failAtAllocation = 1;
    expect(() => backend.empty([2], 'float32')).toThrow('no memory');
    expect(() => backend.wrap({ broken: true }, [2], 'float32')).toThrow('will not do');
    expect(backend.memory()).toEqual({ liveTensors: 0, liveBytes: 0, pooledBytes: 0 });
  });
});

describe('wrap', () => {
  it.each([-4, 2, 1.5, Number.NaN, '4', null])('refuses %j as byteOffset of float32', (byteOffset) => {
    const backend = new StubBackend();
    expect(() => backend.wrap({}, [2], 'float32', { byteOffset: byteOffset as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'byteOffset' }),
    );
  });
});
