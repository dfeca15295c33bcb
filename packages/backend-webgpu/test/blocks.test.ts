import './lavapipe-subgroups.js';
import { planDispatch } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { webgpu } from '../src/index.js';
import { checkDispatch } from './check-dispatch.js';
import { limitedDevice } from './limited-device.js';
import { newDefaultDevice, newDevice } from './require-gpu.js';

const devices = { subgroups: await newDevice(['subgroups']), 'no features': await newDefaultDevice() };

/** Tokens, experts, top-k. Up to 2048 pairs there are no blocks; a routing workgroup's block has 32 to 8 tokens. */
const SIZES: readonly (readonly [tokens: number, experts: number, topK: number])[] = [
  ...[2047, 2048, 2049, 2111, 2112, 2113].map((tokens) => [tokens, 8, 1] as const),
  [1025, 32, 2],
  [1000, 33, 4],
  [700, 64, 6],
  [400, 128, 8],
  [263, 256, 8],
  [70, 64, 32],
  [90, 32, 32],
  // Counted by a kernel of its own: more experts than threads, more choices than are picked one by one.
  [300, 257, 8],
  [70, 256, 33],
  [3, 3000, 1000],
];

describe.each(Object.entries(devices))('blocks of tokens, %s', (_, device) => {
  it.each(SIZES)('of %i tokens, %i experts, top %i', async (tokens, experts, topK) => {
    const backend = await webgpu({ device }).create();
    await checkDispatch(backend, { tokens, hidden: 4, experts, topK });
    backend.dispose();
  });

  // 16,384 bytes bind 504 tokens of 8 experts, not whole blocks; the last two have no room for the counts of small blocks.
  it.each([
    [16384, 3000, 8, 2],
    [16384, 1500, 128, 4],
    [6000, 500, 256, 5],
    [8192, 2100, 100, 1],
  ])('in bindings of %i bytes, %i tokens, %i experts, top %i', async (bytes, tokens, experts, topK) => {
    const limits = { maxStorageBufferBindingSize: bytes };
    const backend = await webgpu({ device: limitedDevice(device, { limits }) }).create();
    await checkDispatch(backend, { tokens, hidden: 4, experts, topK });
    backend.dispose();
  });

  it('in a grid of two dimensions, whose last workgroups have no tokens', async () => {
    const limits = { maxComputeWorkgroupsPerDimension: 10 };
    const backend = await webgpu({ device: limitedDevice(device, { limits }) }).create();
    await checkDispatch(backend, { tokens: 1100, hidden: 4, experts: 8, topK: 2 });
    backend.dispose();
  });

  it.each([20, 3000])('give no row to choices that are no experts, of %i tokens', async (tokens) => {
    const backend = await webgpu({ device }).create();
    const choices = Int32Array.from({ length: tokens }, (_, i) => [0, 6, 1, -1, 5, 2 ** 31 - 1, 0][i % 7]);
    const plan = planDispatch(backend.tensor(choices, [tokens, 1], 'int32'), 6);
    const order = [...choices.keys()].filter((i) => choices[i] >= 0 && choices[i] < 6);
    order.sort((a, b) => choices[a] - choices[b] || a - b);
    const rows = new Int32Array(tokens).fill(-1);
    for (const [row, token] of order.entries()) rows[token] = row;
    expect(await plan.permuteIndicesPerToken.read()).toEqual(rows);
    expect((await plan.expertOffsets.read()).at(-1)).toBe(order.length);
    backend.dispose();
  });
});
