import { printable } from './printable.js';
import type { CaseResult, ConformanceReport } from './report.js';
import { groupOf } from './reports/matrix.js';

/*
 * One fault can fail hundreds of cases. What a reader needs of them is the first of its kind, and what they are put down
 * to; the report has them all.
 */

/** What a failed case is put down to: the operation at fault, or else the result or the error. */
export function causeOf({ differences, error }: CaseResult): string {
  const [first] = differences;
  return first?.operation ?? first?.tensor ?? error?.code ?? error?.name ?? 'unknown';
}

/** How much of a failure is shown when it happens. */
export type Showing = 'in full' | 'in a line' | 'not at all';

/** Shows the first failure of each cause in full, and of further groups in a line. */
export class Triage {
  private readonly causes = new Set<string>();
  private readonly groups = new Set<string>();

  showingOf(failed: CaseResult): Showing {
    const [cause, group] = [causeOf(failed), groupOf(failed.id)];
    const [isNewCause, isNewGroup] = [!this.causes.has(cause), !this.groups.has(group)];
    this.causes.add(cause);
    this.groups.add(group);
    if (isNewCause) return 'in full';
    return isNewGroup ? 'in a line' : 'not at all';
  }
}

/** The end of a run: what failed as expected, what the failures are put down to, and the totals. */
export function formatTotals({ backend, totals, cases, complete }: ConformanceReport): string {
  const lines = [...formatExpected(cases), ...formatCauses(cases)];
  const seconds = cases.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const notClaimed = totals.notClaimed > 0 ? `, ${totals.notClaimed} not claimed` : '';
  lines.push(printable(`${backend.name} (${backend.device}), ${seconds.toFixed(1)} s`));
  const expected = totals.expectedFailures > 0 ? `, ${totals.expectedFailures} failed as expected` : '';
  const stopped = complete ? '' : ', stopped before the last case';
  lines.push(`${totals.passed} passed, ${totals.failed} failed${expected}${notClaimed}${stopped}`);
  return lines.join('\n');
}

/** A line for each reason. */
function formatExpected(cases: readonly CaseResult[]): string[] {
  const expected = cases.filter(({ status }) => status === 'expected failure');
  const byReason = groupBy(expected, ({ reason, link }) => `${reason} (${link})`);
  return Array.from(byReason, ([reason, [{ id }, ...more]]) =>
    printable(`expected failure ${id}${more.length > 0 ? ` and ${more.length} more` : ''}: ${reason}`),
  );
}

const GROUPS = 4;

/** A line for each cause, the most frequent first: how many cases, in which groups, and the first of them. */
function formatCauses(cases: readonly CaseResult[]): string[] {
  const failed = cases.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return [];
  const causes = byCount(groupBy(failed, causeOf));
  const width = Math.max(...causes.map(([cause]) => printable(cause).length));
  const digits = String(failed.length).length;
  const lines = causes.map(([cause, results]) => {
    const groups = byCount(groupBy(results, ({ id }) => groupOf(id)));
    const named = groups.slice(0, GROUPS).map(([group, { length }]) => `${group} ${length}`);
    const rest = groups.length > GROUPS ? `, ${groups.length - GROUPS} more groups` : '';
    const count = String(results.length).padStart(digits);
    const where = printable(`${named.join(', ')}${rest}; first: ${results[0].id}`);
    return `  ${printable(cause).padEnd(width)}  ${count}  ${where}`;
  });
  return [`${failed.length} failed, by cause:`, ...lines];
}

/** The values of each key, in the order in which the keys come. */
export function groupBy<V>(values: readonly V[], keyOf: (value: V) => string): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

/** The largest group first. */
export function byCount<V>(groups: ReadonlyMap<string, V[]>): [string, V[]][] {
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}
