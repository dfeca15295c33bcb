import type { ErrorHistogram } from '../../report.js';
import type { Column, Matrix } from '../matrix.js';
import { html, type Markup, NOTHING, scrollTable, shortCount } from './markup.js';

/** How far the floats lay from the oracle: a table of bars for each result, a row for each backend. */
export function errorHistograms({ columns }: Matrix): Markup {
  const tensors = [...new Set(columns.flatMap(({ report }) => report.errors.map(({ tensor }) => tensor)))];
  if (tensors.length === 0) return NOTHING;
  return html`<section aria-labelledby="errors">
    <h2 id="errors">Errors of floats</h2>
    <p>Elements of all cases together, by their distance from the correctly rounded value in units of its last place
      (ULP). Bars grow with the logarithm of the count. A sum whose terms cancel can lie many places off and still be
      within the contract's bound.</p>
    ${tensors.map((tensor) => histogram(tensor, columns))}
  </section>`;
}

function histogram(tensor: string, columns: readonly Column[]): Markup {
  const found = columns.flatMap(({ report, label }) =>
    report.errors.filter((each) => each.tensor === tensor).map((each) => ({ label, ...each })),
  );
  const ends = bucketEnds(found);
  const counts = found.map((each) => ends.map((end) => countUpTo(each, end)));
  const most = Math.max(1, ...counts.flat());
  const rows = found.map(({ label, largest }, i) => {
    const cells = counts[i].map((count) => cell(count, most));
    return html`<tr><th scope="row">${label}</th>${cells}<td class="largest">${Number(largest.toPrecision(3))}</td></tr>`;
  });
  const heads = ['backend', ...ends.map((end, i) => bucketName(end, ends[i - 1])), 'largest'];
  return html`<h3><code>${tensor}</code></h3>${scrollTable('histogram', `errors of ${tensor}`, heads, rows)}`;
}

/** The upper ends of the buckets in use, ascending, and of the empty ones between them. */
function bucketEnds(histograms: readonly ErrorHistogram[]): number[] {
  const all = new Set(histograms.flatMap(({ buckets }) => buckets.map(endOf)));
  const used = histograms.flatMap(({ buckets }) => buckets.filter(({ count }) => count > 0).map(endOf));
  const last = Math.max(0, ...used);
  return [...all].filter((end) => end <= last).sort((a, b) => a - b);
}

function endOf({ ulp }: { readonly ulp: number | null }): number {
  return ulp ?? Number.POSITIVE_INFINITY;
}

function countUpTo({ buckets }: ErrorHistogram, end: number): number {
  return buckets.find((bucket) => endOf(bucket) === end)?.count ?? 0;
}

function bucketName(end: number, before: number | undefined): string {
  if (end === 0) return 'exact';
  return Number.isFinite(end) ? `≤ ${end}` : `> ${before ?? 0}`;
}

function cell(count: number, most: number): Markup {
  const height = count === 0 ? 0 : Math.round(8 + (92 * Math.log1p(count)) / Math.log1p(most));
  const name = count === 0 ? 'zero' : 'some';
  return html`<td style="--v:${height}%" class="${name}"><span title="${count}">${shortCount(count)}</span></td>`;
}
