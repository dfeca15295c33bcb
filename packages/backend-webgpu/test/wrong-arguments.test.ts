import { describe, expect, it } from 'vitest';
import { STORAGE_USAGE } from '../src/buffer-pool.js';
import { webgpu } from '../src/index.js';
import { forward } from './limited-device.js';
import { gpu, newDevice } from './require-gpu.js';

const device = await newDevice();
const backend = await webgpu({ device, gpu }).create();
const buffer = device.createBuffer({ size: 64, usage: STORAGE_USAGE });
const refusal = (argument: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', argument });

/** In a function, because vitest cannot print it. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('webgpu() refuses', () => {
  it.each([
    ['null', () => null, 'options'],
    ['a number', () => 7, 'options'],
    ['a revoked proxy', revoked, 'options'],
    ['an unknown option', () => ({ devise: device }), 'options.devise'],
    ['an empty object as the device', () => ({ device: {} }), 'options.device'],
    ['null as the device', () => ({ device: null }), 'options.device'],
    ['a revoked proxy as the device', () => ({ device: revoked() }), 'options.device'],
    ['a number as the GPU', () => ({ gpu: 1 }), 'options.gpu'],
  ])('%s', (_, make, argument) => {
    const options = make();
    expect(() => webgpu(options as never)).toThrow(refusal(argument));
  });

  it('a GPU whose adapter request fails, as not available', async () => {
    const broken = { requestAdapter: () => Promise.reject(new Error('simulated')) } as never;
    await expect(webgpu({ gpu: broken }).create()).rejects.toThrow(
      expect.objectContaining({ code: 'BACKEND_UNAVAILABLE' }),
    );
  });
});

describe('wrap() refuses', () => {
  it.each([
    ['null', () => null],
    ['a number', () => 5],
    ['what only looks like a buffer', () => ({ size: 64, usage: STORAGE_USAGE, mapState: 'unmapped' })],
    ['an object that inherits from a buffer', () => Object.create(buffer)],
    ['a proxy of a buffer', () => forward(buffer, {})],
    ['a revoked proxy', revoked],
    ['another object of WebGPU', () => device.queue],
  ])('%s', (_, make) => {
    const native = make();
    expect(() => backend.wrap(native as never, [4], 'float32')).toThrow(refusal('native'));
    expect(backend.memory().liveTensors).toBe(0);
  });

  it.each([
    ['null', null, 'options'],
    ['a number', 16, 'options'],
    ['an unknown option', { offset: 16 }, 'options.offset'],
    ['an offset inside a word', { byteOffset: 2 }, 'byteOffset'],
  ])('%s as options', (_, options, argument) => {
    expect(() => backend.wrap(buffer, [4], 'uint8', options as never)).toThrow(refusal(argument));
  });
});

it.each([() => null, revoked, () => ({})])('record() refuses %s as an encoder', (make) => {
  const encoder = make();
  expect(() => backend.record(encoder as never, () => {})).toThrow(refusal('encoder'));
});
