import { expect, it } from 'vitest';
import { suggest } from '../src/suggest.js';

const OPTIONS = ['backend', 'filter', 'max-failures', 'json', 'seed'];

it.each([
  ['bakend', 'backend'],
  ['backedn', 'backend'],
  ['filtre', 'filter'],
  ['maxfailures', 'max-failures'],
  ['jsn', 'json'],
])('%s is probably %s', (name, meant) => {
  expect(suggest(name, OPTIONS)).toBe(meant);
});

it.each(['', '_', 'verbose', 'html', 'see'])('%j is like no other', (name) => {
  expect(suggest(name, OPTIONS.slice(0, 4))).toBeUndefined();
});

it('suggests nothing where there is nothing', () => {
  expect(suggest('backend', [])).toBeUndefined();
});
