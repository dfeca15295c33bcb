import { describe, expect, it } from 'vitest';
import { hashOutputs } from '../src/hash-outputs.js';
import { reference } from './reference-backend.js';
import { STEPS, type Steps } from './reference-steps.js';

const hash = async (faults: Partial<Steps>, seed = 1, calls = 40) =>
  hashOutputs(await reference(faults).create(), seed, calls);

describe('hashOutputs', () => {
  it('is the same for the same results, and another for other calls', async () => {
    const first = await hash({});
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await hash({})).toBe(first);
    expect(await hash({}, 2)).not.toBe(first);
    expect(await hash({}, 1, 39)).not.toBe(first);
  });

  it('does not see rows that nobody defines, nor kinds of NaN', async () => {
    const dirty = reference({}, {});
    const backend = await dirty.create();
    const nan = { finish: (sum: number) => (Number.isNaN(sum) ? -Number.NaN : sum) };
    expect(await hash(nan)).toBe(await hashOutputs(backend, 1, 40));
  });

  it.each<[string, Partial<Steps>]>([
    [
      'a sum off by one rounding',
      { addTerm: (sum, w, value, b) => Math.fround(sum + w * Math.fround(value + b)) },
    ],
    ['a mask that is ignored', { isMasked: () => false }],
    ['order', { order: (pairs) => STEPS.order([...pairs].reverse()) }],
  ])('tells %s', async (_, faults) => {
    expect(await hash(faults)).not.toBe(await hash({}));
  });
});
