import { type Backend, moeDispatch, type Router } from '@moe-dispatch/core';
import { expect, it } from 'vitest';
import { bothBackends } from '../support/both-backends.js';
import { Words } from '../support/problem.js';

// Biased sigmoids that differ by a few roundings, so that the quick scores which rank first mistake their order
// (native/kernels/nearly.cuh).
const ALONE = { topK: 8, scoringFunc: 'sigmoid', normTopkProb: true } as const satisfies Router;
const GROUPS = { ...ALONE, nGroup: 8, topkGroup: 4, groupScoreFunc: 'top2_sum' } as const satisfies Router;

const both = bothBackends();

/** Logits and a bias; `crowd` experts have the best scores, all near 2. */
function draw(words: Words, tokens: number, experts: number, crowd: number) {
  const logits = Array.from({ length: experts }, () => 8 * (words.below(65536) / 65536) - 4);
  const bias = Float32Array.from(logits, (logit) => 2 - 1 / (1 + Math.exp(-logit)));
  const order = Array.from({ length: experts }, (_, expert) => ({ expert, by: words.next() }));
  for (const { expert } of order.sort((a, b) => a.by - b.by).slice(crowd)) bias[expert]! -= 1;
  const gating = Float32Array.from(
    { length: tokens * experts },
    (_, i) => logits[i % experts]! * (1 + words.below(9) * 2 ** -23),
  );
  return { gating, bias };
}

async function choices(backend: Backend, drawn: ReturnType<typeof draw>, router: Router, hidden: number) {
  const experts = drawn.bias.length;
  const tokens = drawn.gating.length / experts;
  const x = backend.tensor(new Float32Array(tokens * hidden), [tokens, hidden], 'float32');
  const gating = backend.tensor(drawn.gating, [tokens, experts], 'float32');
  const eScoreCorrectionBias = backend.tensor(drawn.bias, [experts], 'float32');
  const out = moeDispatch(x, gating, { router, eScoreCorrectionBias });
  const read = { experts: await out.topKIndices.read(), scales: await out.expertScalesFloat.read() };
  for (const each of [x, gating, eScoreCorrectionBias, out]) each.dispose();
  return read;
}

it.each([
  ['a few experts', ALONE, 12],
  ['more experts than lanes', ALONE, 64],
  ['experts of all groups', GROUPS, 40],
  ['no experts but those chosen', ALONE, 8],
])('near scores of %s: the choices and weights of the CPU backend', async (_, router, crowd) => {
  for (const experts of [64, 128, 256, 384]) {
    for (const tokens of [1, 3, 70]) {
      const drawn = draw(new Words(experts + tokens), tokens, experts, crowd);
      const expected = await choices(both.host, drawn, router, 4);
      expect(await choices(both.device, drawn, router, 4), `${tokens} tokens, ${experts} experts`).toEqual(
        expected,
      );
    }
  }
});
