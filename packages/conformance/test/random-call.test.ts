import { expect, it } from 'vitest';
import { callOfSeed } from '../src/cases/random-call.js';
import { PLAIN, type RouterFields, useful } from '../src/cases/routers.js';

it('random calls have every option of a router, in a use', () => {
  const routers = Array.from({ length: 600 }, (_, i) => callOfSeed(i + 1).router).filter((r) => r !== null);
  expect(routers.length).toBeGreaterThan(200);
  expect(routers.length).toBeLessThan(400);
  const used = routers.map(useful);
  for (const name of Object.keys(PLAIN) as (keyof RouterFields)[]) {
    const others = new Set(used.map((fields) => fields[name])).size - 1;
    expect(`${name}: ${others > 0}`).toBe(`${name}: true`);
  }
});
