import {
  moeDispatch,
  moeReduce,
  permuteRows,
  planDispatch,
  prepare,
  type Results,
  routeTokens,
} from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { type WebGpuPrepared, type WebGpuTensor, webgpu } from '../src/index.js';
import { countedDevice } from './counted-device.js';
import { newDevice } from './require-gpu.js';

const SIZES = { hidden: 12, numExperts: 8, moeTopk: 3, dtype: 'float32' } as const;
const { hidden, numExperts, moeTopk } = SIZES;
const { device, counts } = countedDevice(await newDevice());
const backend = await webgpu({ device }).create();

function tensors(tokens: number) {
  const values = (count: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * 10);
  const x = backend.tensor(values(tokens * hidden), [tokens, hidden], 'float32');
  const gating = backend.tensor(values(tokens * numExperts), [tokens, numExperts], 'float32');
  return { x, gating, result: moeDispatch(x, gating, { moeTopk }) };
}

/** Typed as those of one operation, because the compiler cannot tie each operation to its arguments. */
type Arguments = Parameters<WebGpuPrepared<'moeDispatch'>['run']>;

/** Each operation of `tokens` tokens: prepared for `most`, its inputs, and what the plain call gives. */
function operations(tokens: number, most: number) {
  const { x, gating, result } = tensors(tokens);
  const { topKIndices, expertScalesFloat, permuteIndicesPerToken, permuteInput } = result;
  const bias = backend.tensor(new Float32Array(numExperts * hidden).fill(0.5), [numExperts, hidden]);
  const sizes = { tokens: most, ...SIZES };
  const route = { tokens: most, numExperts, moeTopk };
  const reduce = [permuteInput, expertScalesFloat, permuteIndicesPerToken, topKIndices] as const;
  const reduced = moeReduce(...reduce, { ffn2Bias: bias, normTopkProb: true });
  return [
    [prepare(backend, 'moeDispatch', sizes), [x, gating], result],
    [prepare(backend, 'routeTokens', route), [gating], routeTokens(gating, { moeTopk })],
    [prepare(backend, 'planDispatch', route), [topKIndices], planDispatch(topKIndices, numExperts)],
    [
      prepare(backend, 'permuteRows', { tokens: most, hidden, moeTopk, dtype: 'float32' }),
      [x, permuteIndicesPerToken],
      { permuteInput: permuteRows(x, result) },
    ],
    [prepare(backend, 'moeReduce', { ...sizes, normTopkProb: true }), [...reduce, bias], { output: reduced }],
  ] as [WebGpuPrepared<'moeDispatch'>, WebGpuTensor[], Results][];
}

async function read(results: object): Promise<Record<string, unknown>> {
  const entries = Object.entries(results).map(async ([name, tensor]) => [name, await tensor.read()]);
  return Object.fromEntries(await Promise.all(entries));
}

describe('prepare', () => {
  it.each([0, 1, 20, 900])('serves every operation, here of %i of 900 tokens', async (tokens) => {
    for (const [prepared, inputs, expected] of operations(tokens, 900)) {
      const [ran, encoded] = [prepared.outputs(tokens), prepared.outputs(tokens)];
      prepared.run(...([...inputs, ran] as unknown as Arguments));
      const encoder = device.createCommandEncoder();
      const { submits } = counts;
      prepared.encode(
        encoder,
        ...([...inputs, encoded, undefined, { label: 'pass' }] as unknown as Arguments),
      );
      expect(counts.submits).toBe(submits);
      device.queue.submit([encoder.finish()]);
      expect(await read(ran), prepared.operation).toEqual(await read(expected));
      expect(await read(encoded), prepared.operation).toEqual(await read(expected));
      prepared.dispose();
    }
  });

  it('numbers of tokens met before allocate nothing', async () => {
    const prepared = prepare(backend, 'moeDispatch', { tokens: 900, ...SIZES });
    const runs = [900, 1, 20, 700].map((tokens) => ({ ...tensors(tokens), out: prepared.outputs(tokens) }));
    for (const { x, gating, out } of runs) prepared.run(x, gating, out);
    await backend.settled();
    const before = { counts: { ...counts, submits: 0 }, bytes: prepared.workspaceBytes };
    for (const { x, gating, out } of [...runs, ...runs]) prepared.run(x, gating, out);
    expect({ counts: { ...counts, submits: 0 }, bytes: prepared.workspaceBytes }).toEqual(before);
    for (const { out, result } of runs) expect(await read(out)).toEqual(await read(result));
    prepared.dispose();
  });

  it('ready: each pipeline is made and was launched, for any number of tokens', async () => {
    const own = countedDevice(await newDevice());
    const fresh = await webgpu({ device: own.device }).create();
    const before = { ...own.counts };
    const prepared = prepare(fresh, 'moeDispatch', { tokens: 800, ...SIZES });
    await prepared.ready;
    const { pipelines, submits } = own.counts;
    expect(pipelines - before.pipelines).toBeGreaterThan(3);
    expect(submits - before.submits).toBe(pipelines - before.pipelines);
    for (const tokens of [...Array.from({ length: 40 }, (_, i) => i + 1), 127, 682, 683, 800]) {
      const x = fresh.empty([tokens, hidden], 'float32');
      const gating = fresh.empty([tokens, numExperts], 'float32');
      const out = prepared.outputs(tokens);
      prepared.run(x, gating, out);
      for (const tensor of [x, gating, out]) tensor.dispose();
    }
    expect(own.counts.pipelines).toBe(pipelines);
    await fresh.settled();
    fresh.dispose();
  });
});
