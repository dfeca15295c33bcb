import { moeDispatch, moeReduce, prepareDispatch } from '@moe-dispatch/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CudaBackend, type CudaTensor, cuda } from '../../src/index.js';
import { type Harness, loadHarness } from '../support/harness.js';
import { disposeAll, Words } from '../support/problem.js';

const CASES = [
  { name: 'decode', tokens: 1, hidden: 512, experts: 8, topK: 2 },
  { name: 'fused', tokens: 300, hidden: 256, experts: 64, topK: 6 },
  { name: 'odd rows', tokens: 65, hidden: 33, experts: 17, topK: 3 },
  { name: 'wide', tokens: 20, hidden: 64, experts: 2048, topK: 40 },
  { name: 'stages', tokens: 20_000, hidden: 1024, experts: 64, topK: 8 },
];

let harness: Harness;
let backend: CudaBackend;
beforeAll(async () => {
  harness = loadHarness();
  backend = await cuda().create();
});
afterAll(() => backend.dispose());

/** The same bytes in every result. */
async function expectSame(found: object, expected: object): Promise<void> {
  const bytes = async (tensor: CudaTensor) => Buffer.from((await tensor.read()).buffer);
  const others = expected as Record<string, CudaTensor>;
  for (const [name, tensor] of Object.entries(found) as [string, CudaTensor][]) {
    expect((await bytes(tensor)).equals(await bytes(others[name]!)), name).toBe(true);
  }
}

describe.each(CASES)('capturing a $name dispatch', (sizes) => {
  it('launches kernels only, and replays on new input', async () => {
    const { tokens, hidden, experts, topK } = sizes;
    const words = new Words(5);
    const prepared = prepareDispatch(backend, {
      tokens,
      hidden,
      numExperts: experts,
      moeTopk: topK,
      dtype: 'bfloat16',
    });
    const x = backend.tensor(words.uint16(tokens * hidden), [tokens, hidden], 'bfloat16');
    const gating = backend.tensor(words.floats(tokens * experts), [tokens, experts], 'float32');
    const out = prepared.outputs();
    const reduced = backend.empty([tokens, hidden], 'bfloat16');
    const stream = harness.createStream();
    const scope = backend.withStream(stream);
    harness.beginCapture(stream);
    prepared.run(x, gating, out);
    moeReduce(out.permuteInput, out, { out: reduced });
    const { graph, kernels, others } = harness.endCapture(stream);
    scope.end();
    expect(others).toBe(0);
    expect(kernels).toBeGreaterThanOrEqual(2);

    harness.write(gating.devicePtr, words.floats(tokens * experts));
    harness.launchGraph(graph, stream);
    harness.synchronize(stream);
    const expected = moeDispatch(x, gating, { moeTopk: topK });
    await expectSame(out, expected);
    harness.destroyGraph(graph);
    harness.destroyStream(stream);
    prepared.dispose();
    disposeAll(x, gating, out, reduced, expected);
  });
});

describe('withStream', () => {
  it('orders work after what the caller issued on that stream', async () => {
    const rows = 1 << 16;
    const x = backend.empty([rows, 512], 'int32');
    const gating = backend.tensor(new Float32Array(rows * 2), [rows, 2], 'float32');
    const prepared = prepareDispatch(backend, {
      ...{ tokens: rows, hidden: 512, numExperts: 2, moeTopk: 1 },
      dtype: 'int32',
    });
    const out = prepared.outputs();
    const stream = harness.createStream();
    const scope = backend.withStream(stream);
    for (let word = 1; word <= 20; word++) {
      harness.fill(x.devicePtr, word, rows * 512, stream);
      moeDispatch(x, gating, { moeTopk: 1, out });
      const values = (await out.permuteInput.read()) as Int32Array;
      expect(values.every((value) => value === word)).toBe(true);
    }
    scope.end();
    scope.end();
    prepared.dispose();
    disposeAll(x, gating, out);
    harness.destroyStream(stream);
  });

  it('refuses what is no handle', () => {
    for (const handle of [-1n, 1n << 64n, 5, null]) {
      expect(() => backend.withStream(handle as bigint)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });
});

describe('devicePtr', () => {
  it('is memory that others can read and write', async () => {
    const tensor = backend.tensor(Int32Array.of(1, 2, 3), [3], 'int32');
    await tensor.read();
    expect([...new Int32Array(harness.read(tensor.devicePtr, 12))]).toEqual([1, 2, 3]);
    harness.write(tensor.devicePtr, Int32Array.of(7, 8, 9));
    expect([...((await tensor.read()) as Int32Array)]).toEqual([7, 8, 9]);
    const address = tensor.devicePtr;
    const view = backend.wrap({ devicePtr: address + 4n, byteLength: 8 }, [2], 'int32');
    expect([...((await view.read()) as Int32Array)]).toEqual([8, 9]);
    expect(() => backend.wrap({ devicePtr: address + 4n, byteLength: 8 }, [3], 'int32')).toThrow(
      expect.objectContaining({ code: 'BUFFER_TOO_SMALL' }),
    );
    disposeAll(tensor, view);
  });
});
