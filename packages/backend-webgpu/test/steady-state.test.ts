import { moeDispatch, prepareDispatch } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { inputs } from './check-dispatch.js';
import { countedDevice } from './counted-device.js';
import { newDevice } from './require-gpu.js';

const SIZES = { tokens: 24, hidden: 4, experts: 8, topK: 2 };
const OPTIONS = { tokens: 24, hidden: 4, numExperts: 8, moeTopk: 2, dtype: 'float32' } as const;

async function setUp() {
  const { device, counts } = countedDevice(await newDevice());
  const backend = await webgpu({ device }).create();
  const { x, gating, xShape, gatingShape } = inputs(SIZES);
  const xTensor = backend.tensor(x, xShape, 'float32');
  return { backend, counts, x: xTensor, gating: backend.tensor(gating, gatingShape, 'float32') };
}

describe('steady state', () => {
  it('10,000 prepared dispatches allocate no buffer and leave memory() where it was', {
    timeout: 120_000,
  }, async () => {
    const { backend, counts, x, gating } = await setUp();
    const prepared = prepareDispatch(backend, OPTIONS);
    await prepared.ready;
    const out = moeDispatch(x, gating, { moeTopk: 2 });
    const expected = await out.topKIndices.read();
    prepared.run(x, gating, out);
    await backend.settled();
    const before = { memory: backend.memory(), buffers: counts.buffers };
    for (let i = 0; i < 10_000; i++) {
      prepared.run(x, gating, out);
      if (i % 100 === 99) await backend.settled();
    }
    expect({ memory: backend.memory(), buffers: counts.buffers }).toEqual(before);
    expect(await out.topKIndices.read()).toEqual(expected);
    prepared.dispose();
  });

  it('1,000 dispatches with results disposed reuse the same buffers', { timeout: 60_000 }, async () => {
    const { backend, counts, x, gating } = await setUp();
    moeDispatch(x, gating, { moeTopk: 2 }).dispose();
    await backend.settled();
    const before = { memory: backend.memory(), buffers: counts.buffers };
    for (let i = 0; i < 1000; i++) {
      moeDispatch(x, gating, { moeTopk: 2 }).dispose();
      if (i % 100 === 99) await backend.settled();
    }
    expect({ memory: backend.memory(), buffers: counts.buffers }).toEqual(before);
  });

  it('encode() records and submits nothing; two dispatches of one prepared object may be in flight', async () => {
    const { backend, counts, x, gating } = await setUp();
    const prepared = prepareDispatch(backend, OPTIONS);
    const reversed = inputs(SIZES).gating.map((value) => -value);
    const other = backend.tensor(reversed, gating.shape, 'float32');
    const both = [gating, other];
    const expected = both.map((g) => moeDispatch(x, g, { moeTopk: 2 }));
    // Made from the wrong gating, to be overwritten.
    const out = [other, gating].map((g) => moeDispatch(x, g, { moeTopk: 2 }));
    const encoders = both.map((g, i) => {
      const encoder = backend.device.createCommandEncoder();
      const submits = counts.submits;
      prepared.encode(encoder, x, g, out[i]);
      expect(counts.submits).toBe(submits);
      return encoder;
    });
    backend.device.queue.submit(encoders.map((encoder) => encoder.finish()));
    for (const i of [0, 1]) {
      for (const name of [
        'permuteInput',
        'topKIndices',
        'permuteIndicesPerToken',
        'expertOffsets',
      ] as const) {
        expect(await out[i][name].read()).toEqual(await expected[i][name].read());
      }
    }
    prepared.dispose();
  });

  it("record() collects operations in the caller's encoder", async () => {
    const { backend, counts, x, gating } = await setUp();
    const expected = await moeDispatch(x, gating, { moeTopk: 2 }).permuteInput.read();
    const encoder = backend.device.createCommandEncoder();
    const submits = counts.submits;
    let recorded!: ReturnType<typeof moeDispatch<typeof x>>;
    backend.record(encoder, () => {
      recorded = moeDispatch(x, gating, { moeTopk: 2 });
    });
    expect(counts.submits).toBe(submits);
    backend.device.queue.submit([encoder.finish()]);
    expect(await recorded.permuteInput.read()).toEqual(expected);
  });
});
