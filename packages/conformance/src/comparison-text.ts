import type { ComparisonFailure, ComparisonReport } from './compare-backends.js';
import { printable } from './printable.js';
import type { ErrorHistogram } from './report.js';

/** A call on which two backends differ, in words. */
export function formatComparisonFailure({
  seed,
  description,
  differences,
  error,
}: ComparisonFailure): string {
  const lines = [`DIFFERENT with seed ${seed}: ${printable(description)}`];
  if (error) lines.push(`  ${error.backend} threw ${printable(error.message)}`);
  for (const { case: label, tensor, index, expected, found, count } of differences) {
    const element = index.length > 0 ? `${tensor}[${index.join(', ')}]` : tensor;
    const wrong = index.length > 0 ? ` (${count} differ in all)` : '';
    lines.push(`  ${printable(`${label}: ${element}: A has ${expected}, B has ${found}${wrong}`)}`);
  }
  return lines.join('\n');
}

/** The end of a comparison: the errors between the two, and the totals. */
export function formatComparison({ backends, totals, errors, complete }: ComparisonReport): string {
  const [a, b] = backends.map(({ name, device }) => printable(`${name} (${device})`));
  const notClaimed = totals.notClaimed > 0 ? `, ${totals.notClaimed} not claimed` : '';
  return [
    ...errors.map(formatHistogram),
    `A: ${a}`,
    `B: ${b}`,
    `${totals.agreed} calls agree, ${totals.failed} differ${notClaimed}${complete ? '' : ', stopped early'}`,
  ].join('\n');
}

const BAR = 40;

/** One line for each bucket up to the last that is not empty. */
export function formatHistogram({ tensor, buckets, largest }: ErrorHistogram): string {
  const end = buckets.reduce((last, { count }, i) => (count > 0 ? i + 1 : last), 0);
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const width = String(total).length;
  const lines = buckets.slice(0, end).map(({ ulp, count }, i) => {
    const label = ulp === null ? `> ${buckets[i - 1].ulp}` : `${ulp === 0 ? '=' : '≤'} ${ulp}`;
    // A bucket with anything in it shows.
    const bar = '#'.repeat(Math.ceil((BAR * count) / total));
    return `  ${label.padStart(6)} ULP  ${String(count).padStart(width)}  ${bar}`.trimEnd();
  });
  const head = `${tensor}: ${total} elements, largest error ${Number(largest.toPrecision(3))} ULP`;
  return [head, ...lines, ''].join('\n');
}
