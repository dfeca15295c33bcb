import { moeDispatch, prepareDispatch } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { inputs } from './check-dispatch.js';
import { gpu, newDevice } from './require-gpu.js';

const device = await newDevice();
const backend = await webgpu({ device, gpu }).create();
const made = inputs({ tokens: 3, hidden: 4, experts: 8, topK: 2 });
const x = backend.tensor(made.x, made.xShape, 'float32');
const gating = backend.tensor(made.gating, made.gatingShape, 'float32');

describe.each([
  ['null', null, 'found null'],
  ['an object', {}, 'found a value of type object'],
  ['a finished command buffer', device.createCommandEncoder().finish(), 'found a value of type object'],
  ['nothing', undefined, 'found a value of type undefined'],
])('%s instead of an encoder is refused', (_, value, found) => {
  const encoder = value as GPUCommandEncoder;
  const refusal = expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    argument: 'encoder',
    message: expect.stringContaining(found),
  });

  it('by encode()', () => {
    const sizes = { tokens: 3, hidden: 4, numExperts: 8, moeTopk: 2, dtype: 'float32' } as const;
    const prepared = prepareDispatch(backend, sizes);
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    expect(() => prepared.encode(encoder, x, gating, out)).toThrow(refusal);
    prepared.dispose();
  });

  it('by record()', () => {
    let called = false;
    const work = () => {
      called = true;
    };
    expect(() => backend.record(encoder, work)).toThrow(refusal);
    expect(called).toBe(false);
  });
});

it('record() refuses work that returns a promise, and records nothing afterwards', async () => {
  const refusal = expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'work' });
  expect(() => backend.record(device.createCommandEncoder(), async () => {})).toThrow(refusal);
  const expected = await moeDispatch(x, gating, { moeTopk: 2 }).topKIndices.read();
  expect(expected).toHaveLength(6);
});

it("the backend keeps the GPU object, the caller's or its own, with which Dawn's device would go", async () => {
  expect(backend.gpu).toBe(gpu);
  const own = await webgpu({ gpu }).create();
  expect(own.gpu).toBe(gpu);
  own.dispose();
});
