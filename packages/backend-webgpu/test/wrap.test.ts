import { DTYPES, moeDispatch, permuteRows, prepareDispatch } from '@moe-dispatch/core';
import { contractOf } from '@moe-dispatch/core/backend';
import { describe, expect, it } from 'vitest';
import { STORAGE_USAGE } from '../src/buffer-pool.js';
import { type WebGpuBackend, type WebGpuTensor, webgpu } from '../src/index.js';
import { inputs, type Sizes } from './check-dispatch.js';
import { newDevice } from './require-gpu.js';

const device = await newDevice();
const CANARY = 0xab;

/** All tensors of a dispatch in one buffer, one behind the other. */
function arena(backend: WebGpuBackend, sizes: Sizes, alignment: number) {
  const { tokens, hidden, experts, topK, dtype = 'float32' } = sizes;
  const shapes = {
    x: [dtype, [tokens, hidden]],
    gating: ['float32', [tokens, experts]],
    permuteInput: [dtype, [tokens * topK, hidden]],
    tokenNumsPerExpert: ['int64', [experts]],
    expertOffsets: ['int32', [experts + 1]],
    permuteIndicesPerToken: ['int32', [topK, tokens]],
    expertScalesFloat: ['float32', [tokens, topK]],
    topKIndices: ['int32', [tokens, topK]],
  } as const;
  const used: [number, number][] = [];
  let end = alignment;
  for (const [type, shape] of Object.values(shapes)) {
    const element = DTYPES[type].bytes;
    const bytes = (shape as readonly number[]).reduce((a, b) => a * b, element);
    const start = Math.ceil(end / element) * element;
    used.push([start, start + bytes]);
    end = Math.ceil((start + bytes) / alignment) * alignment;
  }
  const buffer = device!.createBuffer({ size: end + 4, usage: STORAGE_USAGE });
  device!.queue.writeBuffer(buffer, 0, new Uint8Array(end + 4).fill(CANARY));
  const tensors = Object.entries(shapes).map(([name, [type, shape]], i) => [
    name,
    backend.wrap(buffer, shape, type, { byteOffset: used[i][0] }),
  ]);
  return { buffer, used, tensors: Object.fromEntries(tensors) as Record<keyof typeof shapes, WebGpuTensor> };
}

describe('wrap', () => {
  const cases = [4, 16, 256].flatMap((alignment) => [
    { alignment, prepared: false, dtype: 'bfloat16' as const, hidden: 5 },
    { alignment, prepared: false, dtype: 'uint8' as const, hidden: 3 },
    { alignment, prepared: true, dtype: 'float32' as const, hidden: 16 },
  ]);

  it.each(cases)('takes all tensors in one buffer, %o', async ({ alignment, prepared, dtype, hidden }) => {
    const backend = await webgpu({ device: device! }).create();
    const sizes = { tokens: 1500, hidden, experts: 24, topK: 6, dtype };
    const { x, gating, xShape, gatingShape } = inputs(sizes);
    const { buffer, used, tensors } = arena(backend, sizes, alignment);
    const { x: xView, gating: gatingView, ...out } = tensors;
    device!.queue.writeBuffer(buffer, gatingView.byteOffset, gating);
    contractOf(backend as never).upload(xView, x);
    if (prepared) {
      const options = { tokens: sizes.tokens, hidden, numExperts: sizes.experts, moeTopk: sizes.topK, dtype };
      prepareDispatch(backend, options).run(xView, gatingView, out as never);
    } else moeDispatch(xView, gatingView, { moeTopk: sizes.topK, out: out as never });
    const expected = moeDispatch(
      backend.tensor(x, xShape, dtype as 'float32'),
      backend.tensor(gating, gatingShape, 'float32'),
      {
        moeTopk: sizes.topK,
      },
    );
    for (const [name, tensor] of Object.entries(out)) {
      const own = expected[name as keyof typeof expected] as typeof tensor;
      expect(await tensor.read(), name).toEqual(await own.read());
    }
    const bytes = await backend.wrap(buffer, [buffer.size], 'uint8').read();
    // The upload of x ends with a whole word; everything else keeps to its bytes.
    used[0][1] = Math.ceil(used[0][1] / 4) * 4;
    const strays = bytes.findIndex(
      (byte, i) => byte !== CANARY && !used.some(([from, to]) => i >= from && i < to),
    );
    expect(strays).toBe(-1);
  });

  it('refuses a buffer that is one byte too small, names the room and the need', async () => {
    const backend = await webgpu({ device: device! }).create();
    const buffer = device!.createBuffer({ size: 103, usage: STORAGE_USAGE });
    expect(() => backend.wrap(buffer, [25], 'float32', { byteOffset: 4 })).toThrow(
      'at least 100 bytes from byteOffset on, found 103 bytes, 99 from byteOffset on',
    );
    expect(() => backend.wrap(buffer, [24], 'float32', { byteOffset: 4 })).not.toThrow();
  });

  it.each([
    [{ size: 64, usage: 0x80 }, 0, /STORAGE, COPY_SRC and COPY_DST, found usage 0x80/],
    [{ size: 64, usage: STORAGE_USAGE }, 2, /byteOffset.*multiple of 4.*found 2/],
    [{ size: 64, usage: STORAGE_USAGE }, -4, /byteOffset.*found -4/],
  ])('refuses %o at %i', async (descriptor, byteOffset, message) => {
    const backend = await webgpu({ device: device! }).create();
    const buffer = device!.createBuffer(descriptor);
    expect(() => backend.wrap(buffer, [4], 'float32', { byteOffset })).toThrow(message);
  });

  it('disposing a wrapped tensor leaves the buffer alone', async () => {
    const backend = await webgpu({ device: device! }).create();
    const buffer = device!.createBuffer({ size: 16, usage: STORAGE_USAGE });
    const x = backend.tensor(Float32Array.of(1, 2, 3, 4), [4], 'float32');
    const plan = { permuteIndicesPerToken: backend.tensor(Int32Array.of(3, 2, 1, 0), [1, 4], 'int32') };
    const out = { permuteInput: backend.wrap(buffer, [4], 'float32') };
    permuteRows(x, plan, { out });
    out.permuteInput.dispose();
    expect([...(await backend.wrap(buffer, [4], 'float32').read())]).toEqual([4, 3, 2, 1]);
  });
});
