import { freemem } from 'node:os';
import { moeReduce, permuteRows, selectBackend } from '@moe-dispatch/core';
import { expect, it } from 'vitest';
import { cpu } from '../src/index.js';

const GIB = 2 ** 30;

it('moves and reduces rows on both sides of 4 GiB', async (context) => {
  if (freemem() < 8 * GIB) context.skip(`needs 8 GiB of free memory, has ${(freemem() / GIB).toFixed(1)}`);
  const backend = await selectBackend([cpu()]);
  // The permuted rows have 2.15 · 10^9 elements: more than 4 GiB, and past what an int32 can count.
  const [T, D, K] = [8200, 32_800, 8];
  const data = new Uint16Array(T * D);
  for (let token = 0; token < T; token++) data.fill(0x3f80 + (token % 0x80), token * D, (token + 1) * D);
  const x = backend.wrap(data, [T, D], 'bfloat16');
  const rows = Int32Array.from({ length: K * T }, (_, i) => K * T - 1 - i);
  const plan = { permuteIndicesPerToken: backend.tensor(rows, [K, T], 'int32') };
  const permuted = permuteRows(x, plan);
  for (let i = 0; i < K * T; i++) {
    const row = rows[i] * D;
    const word = 0x3f80 + ((i % T) % 0x80);
    if (permuted.data[row] !== word || permuted.data[row + D - 1] !== word)
      expect.fail(`row ${rows[i]} is wrong`);
  }
  const scales = backend.tensor(new Float32Array(T * K).fill(0.25), [T, K], 'float32');
  const experts = backend.tensor(new Int32Array(T * K), [T, K], 'int32');
  moeReduce(permuted, scales, plan.permuteIndicesPerToken, experts, { out: x });
  // Eight quarters: twice a bfloat16 is the next exponent.
  for (let token = 0; token < T; token++) {
    const word = 0x4000 + (token % 0x80);
    if (data[token * D] !== word || data[token * D + D - 1] !== word) expect.fail(`token ${token} is wrong`);
  }
  backend.dispose();
}, 120_000);
