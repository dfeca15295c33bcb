import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { formatBench } from '../src/bench/bench-text.js';
import { formatComparison, formatComparisonFailure } from '../src/comparison-text.js';
import type { ComparisonReport } from '../src/index.js';
import { printable } from '../src/printable.js';
import { formatFailure, repeatCommand } from '../src/report-text.js';
import { diffReports } from '../src/reports/diff.js';
import { formatHtml } from '../src/reports/html/page.js';
import { formatJUnit } from '../src/reports/junit.js';
import { formatDiffMarkdown, formatMarkdown } from '../src/reports/markdown.js';
import { formatTotals } from '../src/triage.js';
import { exampleBench } from './example-bench.js';
import { exampleCase, exampleReport } from './example-report.js';

/** Everything that acts on a terminal, a log or a page, at the beginning and in the middle. */
const HOSTILE = '::error::a\u001b[2J\u0000\r\n::error::b\u009b\u202e\u2028##vso[c]d\u0007##[e]\ud800';

describe('printable', () => {
  it('shows what it replaces', () => {
    expect(printable(HOSTILE)).toBe(
      '\\u003a:error::a\\u001b[2J\\u0000 ::error::b\\u009b\\u202e \\u0023#vso[c]d\\u0007\\u0023#[e]\\ud800',
    );
  });

  it.each(['std::sort in a.cpp', 'size × 2, ≤ 3 µs, 中文, 😀', '# 1, ## two'])('leaves %j alone', (text) => {
    expect(printable(text)).toBe(text);
  });
});

describe('hostile text', () => {
  const difference = {
    case: HOSTILE,
    tensor: HOSTILE,
    index: [0],
    expected: HOSTILE,
    found: HOSTILE,
    count: 1,
  };
  const error = { name: HOSTILE, code: HOSTILE, message: HOSTILE };
  const failed = exampleCase(`golden/${HOSTILE}`, 'failed', { differences: [difference], error });
  const expected = exampleCase('golden/b', 'expected failure', { reason: HOSTILE, link: HOSTILE });
  const backend = { name: HOSTILE, device: HOSTILE, driver: HOSTILE, dtypes: [], limits: {} };
  const machine = { runtime: HOSTILE, platform: HOSTILE, processor: HOSTILE };
  const report = exampleReport('a', [failed, expected], { backend, machine });
  const failure = {
    seed: 1,
    call: {} as never,
    description: HOSTILE,
    differences: [difference],
    error: { backend: 'A', message: HOSTILE },
  } as const;
  const comparison = {
    ...{ backends: [backend, backend], machine, totals: { agreed: 0, failed: 1, notClaimed: 0 } },
    ...{ errors: [], complete: true, failures: [failure] },
  } as unknown as ComparisonReport;
  const [row] = exampleBench().backends;
  const bench = {
    ...exampleBench(),
    machine,
    backends: [
      {
        ...row,
        name: HOSTILE,
        device: HOSTILE,
        copy: HOSTILE,
        leftOut: [{ shape: row.rows[0].shape, reason: HOSTILE }],
      },
    ],
    unavailable: [{ backend: HOSTILE, reason: HOSTILE }],
  };
  const empty = exampleReport('b', []);

  it.each([
    ['the text of a failure', formatFailure(failed, repeatCommand(HOSTILE, failed.id))],
    ['the totals', formatTotals(report)],
    ['a comparison', `${formatComparisonFailure(failure)}\n${formatComparison(comparison)}`],
    ['the table of a benchmark', formatBench(bench)],
    ['Markdown', formatMarkdown([report, report], HOSTILE)],
    ['a diff', formatDiffMarkdown(diffReports(empty, report), empty, report)],
    ['a diff on a terminal', formatDiffMarkdown(diffReports(empty, report), empty, report, false)],
    ['JUnit XML', formatJUnit(report, HOSTILE)],
    ['a page', formatHtml([report], [bench])],
  ])('acts on nothing in %s', (_, text) => {
    // The page's own script may have tabs.
    expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cs}\u2028\u202e]/u);
    expect(text).not.toMatch(/^\s*::|##(vso)?\[/m);
    expect(text).toContain('\\u001b');
  });

  it('is one word in the command that repeats a case', () => {
    const [, word] = /--filter (.*)$/.exec(repeatCommand('x', "golden/a'b\n\u001b[2J"))!;
    expect(printable(word)).toBe(word);
    expect(execFileSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8' })).toBe(
      "golden/a'b\n\u001b[2J",
    );
  });
});
