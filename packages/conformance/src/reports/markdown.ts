import { printable } from '../printable.js';
import type { CaseStatus, ConformanceReport } from '../report.js';
import { formatFailure, repeatCommand } from '../report-text.js';
import type { Change, ReportDiff } from './diff.js';
import { buildMatrix, type Column, countStatus, type Group } from './matrix.js';

/** So that a summary stays well below the 1 MiB that GitHub takes. */
const SHOWN_FAILURES = 20;
const SHOWN_IDS = 50;

const HEADINGS: readonly [CaseStatus, string][] = [
  ['passed', 'passed'],
  ['failed', 'failed'],
  ['not claimed', 'not claimed'],
  ['expected failure', 'expected failures'],
];

/**
 * A summary for a CI job: totals by group, failures with their first differences and the command that repeats them.
 * @param module what `--backend` was given, if known
 */
export function formatMarkdown(reports: readonly ConformanceReport[], module?: string): string {
  const { columns, groups } = buildMatrix(reports);
  const sections = [
    '## Conformance',
    table(
      ['backend', 'device', 'machine', ...HEADINGS.map(([, heading]) => heading)],
      columns.map(overviewCells),
    ),
    table(
      ['group', ...columns.map(({ label }) => cell(label))],
      groups.map((group) => groupCells(group, columns)),
    ),
    failures(columns, groups, module),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/**
 * What `moe-conformance diff` found.
 * @param escaped whether a renderer reads it: names from a device then cannot act as Markdown or HTML. False for a terminal.
 */
export function formatDiffMarkdown(
  diff: ReportDiff,
  base: ConformanceReport,
  head: ConformanceReport,
  escaped = true,
): string {
  const { regressions, noLongerClaimed, newFailures, stillFailing, fixed, added } = diff;
  const shown = escaped ? cell : printable;
  const name = ({ backend, totals }: ConformanceReport) =>
    `${shown(backend.name)} (${shown(backend.device)}), ${totals.passed} of ${totals.passed + totals.failed + totals.notClaimed + totals.expectedFailures} passed`;
  const bad = [
    ...(regressions.length > 0 ? [count(regressions, 'regression')] : []),
    ...(noLongerClaimed.length > 0 ? [`${noLongerClaimed.length} no longer claimed`] : []),
    ...(newFailures.length > 0 ? [count(newFailures, 'new failure')] : []),
  ];
  const verdict = bad.length > 0 ? `**${bad.join(', ')}**` : 'No case fails that did not fail in the base.';
  const sections = [
    '## Conformance against the base',
    `${verdict}\n\nBase: ${name(base)}  \nHead: ${name(head)}${head.complete ? '' : ', **stopped before its last case**'}`,
    changeList('Regressions', regressions),
    changeList('No longer claimed', noLongerClaimed),
    changeList('New failures', newFailures),
    changeList('Failing in both', stillFailing),
    changeList('Fixed', fixed),
    changeList('New cases', added),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function overviewCells({ report, label }: Column): string[] {
  const { backend, machine, totals, complete } = report;
  const name = complete ? cell(label) : `${cell(label)}, **stopped early**`;
  const { passed, failed, notClaimed, expectedFailures } = totals;
  const counts = [passed, failed, notClaimed, expectedFailures].map(String);
  return [name, cell(backend.device), cell(`${machine.runtime}, ${machine.platform}`), ...counts];
}

/** `36`, or what was not passed in words. */
function groupCells({ name, rows }: Group, columns: readonly Column[]): string[] {
  const cells = columns.map((_, column) => {
    const parts = HEADINGS.flatMap(([status, heading]) => {
      const number = countStatus(rows, column, status);
      if (number === 0) return [];
      return [status === 'failed' ? `**${number} ${heading}**` : `${number} ${heading}`];
    });
    return parts.join(', ') || 'not run';
  });
  return [cell(name), ...cells];
}

function failures(columns: readonly Column[], groups: readonly Group[], module: string | undefined): string {
  const failed = groups.flatMap(({ rows }) =>
    rows.flatMap(({ results }) =>
      results.flatMap((result, column) => (result?.status === 'failed' ? [{ result, column }] : [])),
    ),
  );
  if (failed.length === 0) return '';
  const blocks = failed.slice(0, SHOWN_FAILURES).map(({ result, column }) => {
    const where = columns.length > 1 ? `, ${printable(columns[column].label)}` : '';
    const [first, ...rest] = formatFailure(result, repeatCommand(module, result.id)).split('\n');
    return [`${first}${where}`, ...rest].join('\n');
  });
  const more = failed.length - blocks.length;
  const rest = more > 0 ? `\n\nand ${more} more: the JSON report has them.` : '';
  return `### Failures\n\n${fenced(blocks.join('\n\n'))}${rest}`;
}

function changeList(title: string, changes: readonly Change[]): string {
  if (changes.length === 0) return '';
  const lines = changes
    .slice(0, SHOWN_IDS)
    .map(({ id, before, after }) => `${printable(id)}: ${before} → ${after}`);
  if (changes.length > SHOWN_IDS) lines.push(`and ${changes.length - SHOWN_IDS} more`);
  const failed = changes.flatMap(({ result }) =>
    result?.status === 'failed' ? [formatFailure(result)] : [],
  );
  const details = failed.length === 0 ? '' : `\n\n${fenced(failed.slice(0, SHOWN_FAILURES).join('\n\n'))}`;
  return `### ${title} (${changes.length})\n\n${fenced(lines.join('\n'))}${details}`;
}

function count(changes: readonly unknown[], noun: string): string {
  return `${changes.length} ${noun}${changes.length === 1 ? '' : 's'}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Text from a device or a message: nothing in it may act as Markdown or HTML. */
function cell(text: string): string {
  return printable(text).replace(/[\\`*_{}[\]<>|#!~&]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A code block that the text cannot end. */
function fenced(text: string): string {
  const longest = Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}text\n${text}\n${fence}`;
}
