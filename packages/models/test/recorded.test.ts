import { describe, expect, it } from 'vitest';
import { type ModelRouter, routerFromConfig } from '../src/index.js';
import { RECORDED, type Recorded, rows } from './recorded.js';
import { type Choices, drop, routeToken } from './route.js';
import { tensorsOf, translate } from './translate.js';

const fromConfig = ({ config, tensors }: Recorded) =>
  routerFromConfig(config, { tokens: tensors.get('router_logits')!.shape[0] });

it('there are 63 architectures', () => {
  expect(RECORDED.size).toBe(63);
});

describe.each([...RECORDED.values()])('$architecture', (recorded) => {
  it('gives the router that the recorded one is', () => {
    const { architecture, tensors, before: _, after: __, ...found } = fromConfig(recorded);
    expect(architecture).toBe(recorded.architecture);
    expect(found).toEqual(translate(recorded));
    expect(Object.keys(tensors).sort()).toEqual(tensorsOf(recorded).sort());
  });

  it('gives a router that makes the recorded weights', () => {
    const found = fromConfig(recorded);
    const choices = drop(choose(recorded, found), found.router);
    expect(largestDifference(recorded, choices)).toBeLessThan(1e-5);
  });

  it('gives plain JSON', () => {
    const found = fromConfig(recorded);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });
});

/** Routes the recorded logits with the recorded tensors. */
function choose({ tensors }: Recorded, { router, logits }: ModelRouter): Choices[] {
  const list = (name: string) =>
    tensors.has(name) ? Array.from(tensors.get(name)!.data, Number) : undefined;
  const bias = list('correction_bias');
  const perExpertScale = list('per_expert_scale');
  const globalScale = list('global_scale')?.[0];
  const sharedLogits = rows(tensors.get('shared_logits'));
  const expertIds = rows(tensors.get('expert_ids'));
  const { softCap } = logits;
  const capped = (l: number) => (softCap === undefined ? l : Math.tanh(l / softCap) * softCap);
  return rows(tensors.get('router_logits')).map((row, t) =>
    routeToken(row.map(capped), router, {
      bias,
      perExpertScale,
      globalScale,
      sharedLogits: sharedLogits[t],
      expertIds: expertIds[t],
    }),
  );
}

/** Of an expert's weight for a token from the recorded one, where an expert that is not chosen weighs 0. */
function largestDifference({ tensors }: Recorded, choices: Choices[]): number {
  const weights = rows(tensors.get('top_k_weights'));
  return Math.max(
    ...rows(tensors.get('top_k_indices')).flatMap((experts, t) => {
      const difference = new Map<number, number>();
      const add = (expert: number, weight: number) =>
        difference.set(expert, (difference.get(expert) ?? 0) + weight);
      experts.forEach((expert, k) => {
        add(expert, weights[t][k]);
      });
      for (const { expert, weight } of choices[t]) add(expert, -weight);
      return [...difference.values()].map(Math.abs);
    }),
  );
}
