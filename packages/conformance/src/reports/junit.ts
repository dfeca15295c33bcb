import { printable } from '../printable.js';
import type { CaseResult, ConformanceReport } from '../report.js';
import { formatFailure, repeatCommand } from '../report-text.js';
import { buildMatrix } from './matrix.js';

/**
 * The report in the JUnit XML that GitHub's, GitLab's and Jenkins' readers take: a suite for each group of cases. Cases
 * that are not claimed or expected to fail are skipped.
 * @param module what `--backend` was given, if known
 */
export function formatJUnit(report: ConformanceReport, module?: string): string {
  const { groups } = buildMatrix([report]);
  const { backend, machine, totals, cases } = report;
  const suites = groups.map(({ name, rows }) => {
    const results = rows.flatMap(({ results }) => results.filter((result) => result !== undefined));
    return suite(`${backend.name}: ${name}`, results, report, module);
  });
  const skipped = totals.notClaimed + totals.expectedFailures;
  const counts = { tests: cases.length, failures: totals.failed, errors: 0, skipped, time: seconds(cases) };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: `conformance of ${backend.name}, ${backend.device}, ${machine.platform}`, ...counts })}>`,
    ...suites,
    '</testsuites>\n',
  ].join('\n');
}

function suite(
  name: string,
  results: readonly CaseResult[],
  { backend, started }: ConformanceReport,
  module: string | undefined,
): string {
  const count = (test: (result: CaseResult) => boolean) => results.filter(test).length;
  const counts = {
    tests: results.length,
    failures: count(({ status }) => status === 'failed'),
    errors: 0,
    skipped: count(({ status }) => status === 'not claimed' || status === 'expected failure'),
    time: seconds(results),
    timestamp: started.replace(/(\.\d+)?Z$/, ''),
  };
  const cases = results.map((result) => testCase(result, backend.name, module));
  return [`  <testsuite${attributes({ name, ...counts })}>`, ...cases, '  </testsuite>'].join('\n');
}

function testCase(result: CaseResult, backend: string, module: string | undefined): string {
  const { id, status } = result;
  const slash = id.lastIndexOf('/');
  const place = { classname: `${backend}.${id.slice(0, Math.max(slash, 0)).replaceAll('/', '.')}`, name: id };
  const open = `    <testcase${attributes({ ...place, time: seconds([result]) })}`;
  if (status === 'passed') return `${open}/>`;
  return `${open}>\n      ${outcome(result, module)}\n    </testcase>`;
}

function outcome(result: CaseResult, module: string | undefined): string {
  const { status, reason, link, error } = result;
  if (status !== 'failed') {
    const message = [`${status}: ${reason ?? 'no reason given'}`, link].filter(Boolean).join(' ');
    return `<skipped${attributes({ message })}/>`;
  }
  const text = formatFailure(result, repeatCommand(module, result.id));
  // The first line says FAILED and the id, which the reader shows already.
  const message = text.split('\n')[1]?.trim() ?? 'failed';
  return `<failure${attributes({ message, type: error?.name ?? 'Difference' })}>${escapeXml(text)}</failure>`;
}

function seconds(results: readonly CaseResult[]): string {
  return (results.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(6);
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(printable(String(value)))}"`)
    .join('');
}

/** @param text of printable lines */
function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
