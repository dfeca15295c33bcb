import { routeTokens } from '@moe-dispatch/core';
import { describe, expect, it } from 'vitest';
import { type FusedCall, type FusedOperator, fusedBackend, runConformance } from '../src/index.js';

/** What one step of the operator does, so that a test can do it wrongly. */
interface Steps {
  rank(logits: Float32Array): number[];
  weigh(chosen: readonly number[], logits: Float32Array): number[];
  finish(y: Float32Array<ArrayBuffer>, call: FusedCall): Float32Array<ArrayBuffer>;
}

const MAX = 3.4028234663852886e38;
const clean = (value: number) => (Number.isNaN(value) ? -MAX : Math.min(Math.max(value, -MAX), MAX));

const STEPS: Steps = {
  rank: (logits) => [...logits.keys()].sort((a, b) => clean(logits[b]) - clean(logits[a]) || a - b),
  weigh: (chosen, logits) => {
    const values = Array.from(logits, clean);
    const max = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - max), 0);
    return chosen.map((e) => Math.exp(values[e] - max) / sum);
  },
  finish: (y) => y,
};

/** A MoE layer whose experts are their biases, because their weights are 0. */
function fused(faults: Partial<Steps> = {}, normTopkProb = false): FusedOperator {
  const steps = { ...STEPS, ...faults };
  return {
    name: 'fused',
    device: 'plain loops',
    maxExperts: 4096,
    router: { scoringFunc: 'softmax', normTopkProb },
    hiddenMultiple: 8,
    run(call) {
      const { tokens, numExperts, topK, hidden, logits, outputBias } = call;
      const y = new Float32Array(tokens * hidden);
      for (let t = 0; t < tokens; t++) {
        const row = logits.subarray(t * numExperts, (t + 1) * numExperts);
        const chosen = steps.rank(row).slice(0, topK);
        const weights = steps.weigh(chosen, row);
        const sum = normTopkProb ? weights.reduce((a, b) => a + b) : 1;
        chosen.forEach((e, k) => {
          for (let d = 0; d < hidden; d++)
            y[t * hidden + d] += (weights[k] / sum) * outputBias[e * hidden + d];
        });
      }
      return steps.finish(y, call);
    },
  };
}

/** The cases that route as the operator does. */
const run = (operator: FusedOperator, filter = ',softmax') =>
  runConformance(fusedBackend(operator), { filter });

/** Logits [1, 4], the choice and its weights. */
async function route(operator: FusedOperator, logits: number[], topK = 2) {
  const backend = await fusedBackend(operator).create();
  const gating = backend.tensor(Float32Array.from(logits), [1, logits.length]);
  const router = { topK, ...operator.router };
  const { topKIndices, expertScalesFloat } = routeTokens(gating, { router });
  return { experts: await topKIndices.toNumbers(), weights: await expertScalesFloat.toNumbers() };
}

describe('a right fused operator', () => {
  it('passes every case of its router: ties, NaN, infinities, weights of 0', async () => {
    const report = await run(fused());
    expect(report.totals.failed).toBe(0);
    const routing = report.cases.filter(({ id }) => /^generated\/(ties|special)\//.test(id));
    expect(routing.map(({ status }) => status)).toEqual(Array(22).fill('passed'));
  });

  it('shows normalised weights, at the places of the contract', async () => {
    const { experts, weights } = await route(fused({}, true), [0, 2, 1, 2]);
    expect(experts).toEqual([1, 3]);
    expect(weights).toEqual([0.5, 0.5]);
  });

  it('shows a choice that weighs nothing, as the contract has it', async () => {
    expect(await route(fused(), [0, -200, 200, -200])).toEqual({ experts: [2, 0], weights: [1, 0] });
  });

  it('refuses another router', async () => {
    const backend = await fusedBackend(fused()).create();
    const gating = backend.tensor([[1, 2]]);
    const normalised = () => routeTokens(gating, { router: { topK: 1, normTopkProb: true } });
    expect(normalised).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_OPERATION' }));
  });
});

const FAULTS: readonly [fault: string, faults: Partial<Steps>, caughtBy: string][] = [
  [
    'ties go to the higher expert',
    { rank: (logits) => [...logits.keys()].sort((a, b) => clean(logits[b]) - clean(logits[a]) || b - a) },
    'generated/ties/two-values,softmax',
  ],
  [
    'NaN is the largest',
    {
      rank: (logits) => {
        const values = logits.map((value) => (Number.isNaN(value) ? MAX : value));
        return STEPS.rank(values);
      },
    },
    'generated/special/nan-bits,softmax',
  ],
  [
    'NaN reaches the weights',
    {
      weigh: (chosen, logits) =>
        STEPS.weigh(chosen, logits).map((w) => (logits.some(Number.isNaN) ? NaN : w)),
    },
    'generated/special/clamped,softmax',
  ],
  [
    'weights are normalised',
    {
      weigh: (chosen, logits) => {
        const weights = STEPS.weigh(chosen, logits);
        const sum = weights.reduce((a, b) => a + b);
        return weights.map((weight) => weight / sum);
      },
    },
    'generated/ties/two-values,softmax',
  ],
  [
    'one token is lost',
    { finish: (y, { hidden }) => y.fill(0, hidden, 2 * hidden) },
    'generated/ties/both-zeros,softmax',
  ],
  [
    'one expert too many takes part',
    {
      finish: (y, { numExperts }) => {
        y[y.subarray(0, numExperts).indexOf(0)] = 0.25;
        return y;
      },
    },
    'generated/ties/two-values,softmax',
  ],
  [
    'a column that belongs to no expert is written',
    {
      finish: (y, { hidden, numExperts }) => {
        if (hidden > numExperts) y[numExperts] = 1;
        return y;
      },
    },
    'generated/ties/odd-experts,softmax',
  ],
];

describe('a wrong fused operator', () => {
  for (const [fault, faults, caughtBy] of FAULTS) {
    it(`is found: ${fault}`, async () => {
      const { cases } = await run(fused(faults), caughtBy);
      expect(cases.map(({ id, status }) => [id, status])).toEqual([[caughtBy, 'failed']]);
      expect(new Set(cases[0].differences.map(({ operation }) => operation))).toEqual(
        new Set(['routeTokens']),
      );
    });
  }

  it('is found if it puts a wrong expert where a choice weighs nothing', async () => {
    const finish: Steps['finish'] = (y) => y.map((weight, d) => (d === 3 ? 0.1 : weight));
    expect((await route(fused({ finish }), [0, -200, 200, -200])).experts).toEqual([2, 3]);
  });

  it('fails the case with its own error', async () => {
    const refuse: Steps['finish'] = () => {
      throw new Error('more than 256 experts');
    };
    const id = 'generated/ties/two-values,softmax';
    const { cases } = await run(fused({ finish: refuse }), id);
    expect(cases[0]).toMatchObject({ status: 'failed', error: { message: 'more than 256 experts' } });
  });

  it('fails if y has another length', async () => {
    const { cases } = await run(fused({ finish: (y) => y.slice(1) }), 'generated/ties/two-values,softmax');
    expect(cases[0].error?.message).toMatch(/y of fused: expected 528 elements, found 527/);
  });
});
