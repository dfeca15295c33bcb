import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { routeTokens, selectBackend } from '@moe-dispatch/core';
import { describe, expect, it, vi } from 'vitest';
import { cpu } from '../src/index.js';
import { Kernels } from '../src/kernels.js';
import { gatingTensor, randomNumbers, randomRouting } from './random-routing.js';

describe('the embedded kernel', () => {
  it('is what its source compiles to', () => {
    const script = fileURLToPath(new URL('../scripts/build-wasm.mjs', import.meta.url));
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toContain('up to date');
  });

  it.each([
    [1, 300, 400, 9],
    [8192, 8192, 4, 3],
  ])('routes as JavaScript does, byte for byte, %i to %i experts', async (least, most, cases, maxTokens) => {
    const backend = await selectBackend([cpu()]);
    const scripted = await selectBackend([cpu({ simd: false })]);
    const kernel = vi.spyOn(Kernels.prototype, 'run');
    for (let seed = 1; seed <= cases; seed++) {
      const random = randomNumbers(seed);
      const numExperts = least + Math.floor(random() * (most - least + 1));
      const tokens = 1 + Math.floor(random() * maxTokens);
      const route = (on: typeof backend) => {
        const again = randomNumbers(seed + 1000);
        const gating = gatingTensor(again, tokens, numExperts, on);
        const options = randomRouting(again, numExperts, tokens, on);
        const { topKIndices, expertScalesFloat } = routeTokens(gating, options);
        const weights = expertScalesFloat.data;
        return {
          options,
          experts: topKIndices.data,
          bits: new Uint32Array(weights.buffer, weights.byteOffset, weights.length),
        };
      };
      const [expected, found] = [route(scripted), route(backend)];
      const { router, ...rest } = expected.options as { router?: object };
      const what = `seed ${seed}: ${tokens} × ${numExperts}, ${JSON.stringify(router ?? rest)} ${Object.keys(rest)}`;
      expect(found.experts, what).toEqual(expected.experts);
      expect(found.bits, what).toEqual(expected.bits);
    }
    expect(kernel.mock.calls.length).toBeGreaterThanOrEqual(cases / 2);
    kernel.mockRestore();
  });
});
