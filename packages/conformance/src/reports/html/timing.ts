import type { Column, Group, Matrix } from '../matrix.js';
import { duration, html, type Markup, NOTHING, scrollTable } from './markup.js';

const SLOWEST = 8;

/** Time by group, and the slowest cases. */
export function timing({ columns, groups }: Matrix): Markup {
  if (columns.length === 0) return NOTHING;
  const times = groups.map((group) => ({ group, ms: columns.map((_, i) => groupTime(group, i)) }));
  times.sort((a, b) => Math.max(...b.ms) - Math.max(...a.ms));
  const most = Math.max(1e-9, ...times.flatMap(({ ms }) => ms));
  const rows = times.map(
    ({ group, ms }) =>
      html`<tr><th scope="row">${group.name}</th>${ms.map((each) => timeCell(each, most))}</tr>`,
  );
  const heads = ['group', ...columns.map(({ label }) => label)];
  return html`<section aria-labelledby="timing">
    <h2 id="timing">Time</h2>
    <p>Wall time of the cases, uploads, reads and the oracle included: it shows where a run's time goes, not how fast a
      backend is.</p>
    <details><summary>By group</summary>${scrollTable('times', 'time by group', heads, rows)}</details>
    <div class="cards">${columns.map(slowest)}</div>
  </section>`;
}

function slowest({ report, label }: Column): Markup {
  const cases = [...report.cases].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  const items = cases.map(({ id, ms }) => html`<li><span>${duration(ms)}</span> <code>${id}</code></li>`);
  return html`<article class="card"><h3>Slowest on ${label}</h3><ol class="slowest">${items}</ol></article>`;
}

function groupTime({ rows }: Group, column: number): number {
  return rows.reduce((sum, { results }) => sum + (results[column]?.ms ?? 0), 0);
}

function timeCell(ms: number, most: number): Markup {
  return html`<td style="--v:${((100 * ms) / most).toFixed(1)}%">${ms === 0 ? '' : duration(ms)}</td>`;
}
