import { moeDispatch, prepareDispatch } from '@moe-dispatch/core';
import { contractOf } from '@moe-dispatch/core/backend';
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
  ['an object', {}, 'without beginComputePass()'],
  ['a finished command buffer', device.createCommandEncoder().finish(), 'without beginComputePass()'],
  ['nothing', undefined, 'found undefined'],
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

describe('record()', () => {
  const sizes = { tokens: 3, hidden: 4, numExperts: 8, moeTopk: 2, dtype: 'float32' } as const;
  const other = backend.tensor(
    made.gating.map((value) => -value),
    made.gatingShape,
    'float32',
  );

  it('records prepared runs: after what the encoder holds already', async () => {
    const expected = await moeDispatch(x, other, { moeTopk: 2 }).topKIndices.read();
    const prepared = prepareDispatch(backend, sizes);
    const late = backend.empty(made.gatingShape, 'float32');
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(other.buffer, 0, late.buffer, 0, other.byteLength);
    backend.record(encoder, () => prepared.run(x, late, out));
    device.queue.submit([encoder.finish()]);
    expect(await out.topKIndices.read()).toEqual(expected);
    prepared.dispose();
  });

  it('restores the outer recording after an inner one', async () => {
    const [expected, ofOther] = [gating, other].map((g) => moeDispatch(x, g, { moeTopk: 2 }));
    const out = [other, gating, gating].map((g) => moeDispatch(x, g, { moeTopk: 2 }));
    const [outer, inner] = [device.createCommandEncoder(), device.createCommandEncoder()];
    backend.record(outer, () => {
      backend.record(inner, () => void moeDispatch(x, other, { moeTopk: 2, out: out[1] }));
      expect(() => backend.record(inner, () => throwError())).toThrow('thrown by work');
      moeDispatch(x, gating, { moeTopk: 2, out: out[0] });
    });
    device.queue.submit([outer.finish()]);
    expect(await out[0].topKIndices.read()).toEqual(await expected.topKIndices.read());
    expect(await out[1].topKIndices.read()).toEqual(await expected.topKIndices.read());
    device.queue.submit([inner.finish()]);
    expect(await out[1].topKIndices.read()).toEqual(await ofOther.topKIndices.read());
  });
});

function throwError(): never {
  throw new Error('thrown by work');
}

it("the backend keeps the GPU object, the caller's or its own, with which Dawn's device would go", async () => {
  expect(contractOf(backend as never)).toMatchObject({ gpu });
  const own = await webgpu({ gpu }).create();
  expect(contractOf(own as never)).toMatchObject({ gpu });
  own.dispose();
});
