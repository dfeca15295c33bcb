import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { requiredParts } from '../../scripts/test-parts.mjs';
// @ts-expect-error: a script without types
import { summarize } from '../../scripts/test-summary.mjs';

interface FakeTest {
  fullName: string;
  result: () => { state: string; note?: string };
}

const test = (fullName: string, state: string, note?: string): FakeTest => ({
  fullName,
  result: () => ({ state, ...(note === undefined ? {} : { note }) }),
});

/** As much of vitest's TestModule as the summary reads. */
function testModule(tests: FakeTest[], errors: { module?: number; suite?: number } = {}) {
  const suites = [{ errors: () => new Array(errors.suite ?? 0).fill(new Error('in afterAll')) }];
  return {
    errors: () => new Array(errors.module ?? 0).fill(new Error('at import')),
    children: { allTests: () => tests, allSuites: () => suites },
  };
}

const lastLine = (text: string) => text.split('\n').at(-1);

describe('the summary of a test run', () => {
  const good = testModule([test('a', 'passed'), test('b', 'passed')]);

  it('counts tests', () => {
    const { text, ok } = summarize([good, testModule([test('c', 'failed')])], [], []);
    expect(text).toBe('2 passed, 1 failed');
    expect(ok).toBe(false);
    expect(summarize([good], [], [])).toEqual({ text: '2 passed, 0 failed', ok: true });
  });

  it('names what was skipped, by reason', () => {
    const skips = [test('d', 'skipped', 'no f16'), test('e', 'skipped', 'no f16'), test('f', 'skipped')];
    const { text, ok } = summarize([good, testModule(skips)], [], []);
    expect(text.split('\n')).toEqual([
      'skipped (no f16): d; e',
      'skipped (not selected, or marked to be skipped): f',
      '2 passed, 0 failed, 3 skipped',
    ]);
    expect(ok).toBe(true);
  });

  it.each([
    ['a file that cannot be imported', [good, testModule([], { module: 1 })], []],
    ['a hook that throws', [good, testModule([test('g', 'passed')], { suite: 1 })], []],
    ['an error outside of everything', [good], [new Error('late')]],
  ])('counts %s as a failure', (_, modules, unhandled) => {
    const { text, ok } = summarize(modules, unhandled, []);
    expect(lastLine(text)).toMatch(/^\d passed, 1 failed$/);
    expect(ok).toBe(false);
  });

  it('is no success where nothing passed', () => {
    expect(summarize([], [], []).ok).toBe(false);
    expect(summarize([testModule([test('h', 'skipped')])], [], []).ok).toBe(false);
  });

  it('names a part that did not run, and fails where it must', () => {
    const part = { name: 'deno', reason: 'no binary' };
    const optional = summarize([good], [], [{ ...part, required: false }]);
    expect(optional).toEqual({ text: 'did not run: deno: no binary\n2 passed, 0 failed', ok: true });
    const needed = summarize([good], [], [{ ...part, required: true }]);
    expect(needed.ok).toBe(false);
    expect(lastLine(needed.text)).toBe('2 passed, 1 failed');
  });
});

it('a slow file that is left out is named, and counted in the last line', () => {
  const { text, ok } = summarize([testModule([test('a', 'passed')])], [], [], ['test/huge.slow.test.ts']);
  expect(text.split('\n')).toEqual([
    "left out because slow (--slow or a file's name runs it): test/huge.slow.test.ts",
    '1 passed, 0 failed, 1 slow file left out',
  ]);
  expect(ok).toBe(true);
});

it('MOE_REQUIRE takes the names of parts', () => {
  expect(requiredParts(undefined)).toEqual({ required: [], unknown: [] });
  expect(requiredParts('cpu, deno,')).toEqual({ required: ['cpu', 'deno'], unknown: [] });
  expect(requiredParts('cpu,gpu')).toEqual({ required: ['cpu'], unknown: ['gpu'] });
});
