import { expect, it } from 'vitest';
import { diffReports } from '../src/reports/diff.js';
import { formatDiffMarkdown } from '../src/reports/markdown.js';
import { exampleCase, exampleReport } from './example-report.js';

const base = exampleReport('cpu', [
  exampleCase('golden/same', 'passed'),
  exampleCase('golden/broken', 'passed'),
  exampleCase('golden/gone', 'passed'),
  exampleCase('golden/not-claimed-now', 'passed'),
  exampleCase('golden/mended', 'failed'),
  exampleCase('golden/bad', 'failed'),
  exampleCase('golden/dropped', 'not claimed'),
]);
const head = exampleReport('cpu', [
  exampleCase('golden/same', 'passed'),
  exampleCase('golden/broken', 'failed'),
  exampleCase('golden/not-claimed-now', 'not claimed'),
  exampleCase('golden/mended', 'passed'),
  exampleCase('golden/bad', 'failed'),
  exampleCase('golden/new', 'passed'),
  exampleCase('golden/new-bad', 'failed'),
]);

const ids = (changes: readonly { id: string }[]) => changes.map(({ id }) => id.replace('golden/', ''));

it('tells regressions, vanished ones included, from what was bad before', () => {
  const diff = diffReports(base, head);
  expect(ids(diff.regressions)).toEqual(['broken', 'gone']);
  expect(ids(diff.noLongerClaimed)).toEqual(['not-claimed-now']);
  expect(ids(diff.newFailures)).toEqual(['new-bad']);
  expect(ids(diff.stillFailing)).toEqual(['bad']);
  expect(ids(diff.fixed)).toEqual(['mended']);
  expect(ids(diff.added)).toEqual(['new']);
});

it('finds nothing between a report and itself', () => {
  const diff = diffReports(base, base);
  expect([diff.regressions, diff.newFailures, diff.fixed, diff.added].flat()).toEqual([]);
  expect(formatDiffMarkdown(diff, base, base)).toContain('No case fails that did not fail in the base.');
});

it('says in Markdown what changed, with the differences of what broke', () => {
  const text = formatDiffMarkdown(diffReports(base, head), base, { ...head, complete: false });
  expect(text).toContain('**2 regressions, 1 no longer claimed, 1 new failure**');
  expect(text).toContain('golden/broken: passed → failed\ngolden/gone: passed → vanished\n');
  expect(text).toContain('FAILED golden/broken\n');
  expect(text).toContain('### No longer claimed (1)');
  expect(text).toContain('### Fixed (1)');
  expect(text).toContain('3 of 7 passed');
  expect(text).toContain('**stopped before its last case**');
});

it('lists a failure of what the base did not claim, or expected to fail', () => {
  const before = exampleReport('cpu', [
    exampleCase('golden/a', 'not claimed'),
    exampleCase('golden/b', 'expected failure'),
  ]);
  const after = exampleReport('cpu', [exampleCase('golden/a', 'failed'), exampleCase('golden/b', 'failed')]);
  expect(ids(diffReports(before, after).newFailures)).toEqual(['a', 'b']);
  expect(formatDiffMarkdown(diffReports(before, after), before, after)).toContain('### New failures (2)');
});
