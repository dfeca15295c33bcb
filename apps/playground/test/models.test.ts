import { cpu } from '@moe-dispatch/backend-cpu';
import { type Backend, selectBackend } from '@moe-dispatch/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeModel, MODELS } from '../src/models.js';
import type { DispatchView } from '../src/protocol.js';
import { PRESETS, routingOf } from '../src/settings.js';
import { randomInput } from '../src/worker/input.js';
import { runDispatch } from '../src/worker/run-dispatch.js';

let backend: Backend;
beforeAll(async () => {
  backend = await selectBackend([cpu()]);
});
afterAll(() => backend.dispose());

/** What the page shows of a preset, with few small rows. */
async function viewOf(mode: string): Promise<{ view: DispatchView; gating: Float32Array }> {
  const { settings } = PRESETS.find((preset) => preset.settings.mode === mode)!;
  const small = { ...settings, tokens: 96, hidden: 8, dtype: 'float32', skew: 0.5, seed: 1 } as const;
  const input = randomInput(small, routingOf(small));
  const { view } = await runDispatch(input, { backend, skipped: [], cpu: backend });
  return { view, gating: input.gating.data as Float32Array };
}

describe("models' routers", () => {
  it.each([...MODELS.keys()])('%s: every row that has an expert is found, and comes back', async (mode) => {
    const { view } = await viewOf(mode);
    const { numExperts, router } = MODELS.get(mode)!;
    expect([view.experts, view.topK]).toEqual([numExperts, router.topK]);
    const rows = view.rows.filter((row) => row >= 0).sort();
    expect(rows).toEqual(Int32Array.from({ length: view.offsets.at(-1)! }, (_, i) => i).sort());
    const came = view.chosen.filter((expert) => expert >= 0).length;
    expect(view.counts.reduce((a, b) => a + b)).toBe(came);
    if (view.weighsRows) return;
    expect(view.journey.exactRows.reduce((a, b) => a + b)).toBe(rows.length);
    view.journey.offBy.forEach((offBy, token) => {
      if (view.chosen[token * view.topK] >= 0) expect(offBy).toBeLessThan(1e-6);
    });
  });

  it('have a bias where the model has one, the same for the same seed', async () => {
    const [{ view: first }, { view: second }] = [await viewOf('deepseek-v3'), await viewOf('deepseek-v3')];
    expect(first.bias).toHaveLength(256);
    expect(new Set(first.bias).size).toBeGreaterThan(250);
    expect(second.bias).toEqual(first.bias);
    expect((await viewOf('mixtral-8x7b')).view.bias).toBeUndefined();
  });

  it('of DeepSeek-V3 keeps the groups whose two best scores are best', async () => {
    const { view, gating } = await viewOf('deepseek-v3');
    for (let token = 0; token < view.tokens; token++) {
      const scores = Array.from({ length: 8 }, (_, group) => {
        const own = Array.from({ length: 32 }, (_, i) => {
          const expert = group * 32 + i;
          return 1 / (1 + Math.exp(-gating[token * 256 + expert])) + view.bias![expert];
        });
        const [best, second] = own.sort((a, b) => b - a);
        return best + second;
      });
      const least = [...scores].sort((a, b) => b - a)[3];
      const kept = scores.map((score) => (score >= least ? 1 : 0));
      expect([...view.groups!.kept.subarray(token * 8, (token + 1) * 8)]).toEqual(kept);
    }
  });

  it('send choices to zero experts and nowhere', async () => {
    const { view: longcat } = await viewOf('longcat-flash');
    expect(longcat.zeroExperts).toBe(256);
    expect(longcat.counts.subarray(512).some((count) => count > 0)).toBe(true);
    const { view: zaya } = await viewOf('zaya1-8b');
    expect(zaya.chosen).toContain(-1);
    zaya.chosen.forEach((expert, token) => {
      expect(zaya.journey.exactRows[token]).toBe(expert < 0 ? 0 : 1);
    });
  });
});

it('says what a router does', () => {
  expect(describeModel(MODELS.get('deepseek-v3')!)).toBe(
    'sigmoid scores; a bias for the choice, made up here; only the 4 best of 8 groups (top2_sum); ' +
      'scales divided by their sum; scales × 2.5',
  );
  expect(describeModel(MODELS.get('llama-4-scout')!)).toBe(
    'sigmoid scores; rows multiplied by their scales on the way to the experts',
  );
});
