import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { filtersOf, isLeftOut, needsBuild } from '../../scripts/test-selection.mjs';

const SLOW = '/repo/packages/backend-cpu/test/beyond-4-gib.slow.test.ts';

describe('a build is needed', () => {
  it.each([
    ['cli.built.test.ts', 'cpu', true],
    ['deno.built.deno.test.ts', 'deno', true],
    ['memory.slow.built.test.ts', 'cpu', true],
    ['built.test.ts', 'cpu', false],
    ['built/errors.test.ts', 'cpu', false],
  ])('by %s: %s', (path, name, needed) => {
    expect(needsBuild(`/repo/${path}`, { name })).toBe(needed);
  });

  it('by every test of a part that is built', () => {
    expect(needsBuild('/repo/streams.test.ts', { name: 'cuda', built: true })).toBe(true);
  });
});

describe('a slow file', () => {
  it.each([
    ['runs if no file is named', [], false],
    ['is left out of a package', ['packages/backend-cpu'], true],
    ['is left out of its folder', ['packages/backend-cpu/test/'], true],
    ['is left out beside a file', ['packages/core', 'types.test.ts'], true],
    ['runs if it is named', ['beyond-4-gib'], false],
    ['runs if it is named by its path', ['packages/backend-cpu/test/beyond-4-gib.slow.test.ts'], false],
    ['runs if a line of it is named', ['test/beyond-4-gib.slow.test.ts:12'], false],
    ['runs among all slow ones', ['slow'], false],
  ])('%s', (_, filters, leftOut) => {
    expect(isLeftOut(SLOW, filters)).toBe(leftOut);
  });

  it('is the only kind that is left out', () => {
    expect(isLeftOut('/repo/packages/backend-cpu/test/memory.test.ts', ['packages'])).toBe(false);
  });
});

it.each([
  ['a file', undefined, ['a.test.ts']],
  ['a file named in full', [], ['a.test.ts']],
  ['lines of a file', [3, 8], ['a.test.ts:3', 'a.test.ts:8']],
])('runs %s', (_, testLines, filters) => {
  expect(filtersOf({ moduleId: 'a.test.ts', ...(testLines && { testLines }) })).toEqual(filters);
});
