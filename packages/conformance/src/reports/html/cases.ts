import type { Difference } from '../../compare.js';
import type { CaseResult, CaseStatus } from '../../report.js';
import { repeatCommand } from '../../report-text.js';
import { type Column, countStatus, type Group, hasFailed, type Matrix, type Row } from '../matrix.js';
import { html, type Markup, NOTHING, scrollTable } from './markup.js';

/** Beyond these, a failed case shows its differences only when chosen in the matrix. */
const SHOWN_FAILURES = 40;

const CLASSES: Record<CaseStatus, string> = {
  passed: 'p',
  failed: 'f',
  'not claimed': 'n',
  'expected failure': 'x',
};

/** Every failed case in full, at the top of the page. */
export function failures({ columns, groups }: Matrix): Markup {
  const failed = groups.flatMap(({ rows }) => rows.filter(hasFailed));
  if (failed.length === 0) return NOTHING;
  const more = failed.length - SHOWN_FAILURES;
  const rest = more <= 0 ? NOTHING : html`<p>${more} more failed cases stand first in the matrix below.</p>`;
  const count = `${failed.length} ${failed.length === 1 ? 'case' : 'cases'}`;
  return html`<section aria-labelledby="failures">
    <h2 id="failures">Failures <small>${count}</small></h2>
    ${failed.slice(0, SHOWN_FAILURES).map((row) => failure(row, columns))}${rest}
  </section>`;
}

function failure({ id, results }: Row, columns: readonly Column[]): Markup {
  const found = results.flatMap((result, i) =>
    result?.status === 'failed' ? [{ result, ...columns[i] }] : [],
  );
  const who = found.map(({ label }) => html`<span class="tag f">${label}</span> `);
  const parts = found.map(({ label, result }) => {
    const heading = found.length > 1 ? html`<h3>${label}</h3>` : NOTHING;
    return html`${heading}${whatWentWrong(result)}`;
  });
  return html`<details class="failure" open>
    <summary><code>${id}</code> ${who}</summary>
    ${parts}
    <p class="repeat"><code>${repeatCommand(undefined, id)}</code></p>
  </details>`;
}

function whatWentWrong({ error, differences }: CaseResult): Markup {
  const code = error?.code === undefined ? '' : ` ${error.code}`;
  const thrown = error
    ? html`<p class="thrown">threw <b>${error.name}${code}</b>: ${error.message}</p>`
    : NOTHING;
  if (differences.length === 0) return thrown;
  const [heads, cellsOf] = [DIFFERENCE.map(([head]) => head), DIFFERENCE.map(([, cell]) => cell)];
  const rows = differences.map(
    (each) =>
      html`<tr>${cellsOf.map((cell, i) => html`<td data-head="${heads[i]}">${cell(each)}</td>`)}</tr>`,
  );
  return html`${thrown}${scrollTable('differences', 'differences', heads, rows)}`;
}

/** The columns of a table of differences. */
const DIFFERENCE: readonly [head: string, cell: (each: Difference) => Markup][] = [
  ['in', (each) => html`${each.case}`],
  ['operation', (each) => html`${each.operation ?? ''}`],
  ['element', (each) => html`<code>${elementName(each)}</code>`],
  ['expected', ({ expected }) => html`<code>${expected}</code>`],
  ['found', ({ found }) => html`<code>${found}</code>`],
  ['wrong in all', ({ count }) => html`${count}`],
];

function elementName({ tensor, index }: Difference): string {
  return index.length > 0 ? `${tensor}[${index.join(', ')}]` : tensor;
}

/** Backends × cases. `indices` gives a case's place in the page's data. */
export function caseMatrix({ columns, groups }: Matrix, indices: ReadonlyMap<string, number>): Markup {
  if (columns.length === 0) return NOTHING;
  const heads = columns.map(({ label }) => html`<span>${label}</span>`);
  return html`<section aria-labelledby="cases">
    <h2 id="cases">Cases <small>${indices.size}, by group</small></h2>
    ${CONTROLS}
    <p class="legend">
      <span class="p">passed</span> <span class="f">failed</span>
      <span class="n">not claimed: the backend does not offer it</span>
      <span class="x">expected failure</span> <span class="o">not run</span>
    </p>
    <div class="matrix" tabindex="0" role="group" aria-label="matrix of backends and cases" style="--columns:${columns.length}">
      <div class="heads" aria-hidden="true"><span></span>${heads}</div>
      ${groups.map((group) => groupDetails(group, columns, indices))}
    </div>
  </section>`;
}

/** Shown by the script, which they need. */
const CONTROLS = html`<form id="controls" role="search" hidden>
  <label>Filter <input id="filter" type="search" autocomplete="off" placeholder="part of a case's id"></label>
  <label>Show <select id="show">
    <option value="">all cases</option>
    <option value="f">failed</option>
    <option value="n">not claimed</option>
    <option value="x">expected failures</option>
    <option value="d">backends disagree</option>
  </select></label>
  <span><button type="button" id="open">Open all</button> <button type="button" id="close">Close all</button></span>
  <output id="shown" for="filter show"></output>
</form>`;

function groupDetails(
  { name, rows }: Group,
  columns: readonly Column[],
  indices: ReadonlyMap<string, number>,
): Markup {
  const heads = columns.map(({ label }) => html`<th scope="col">${label}</th>`);
  const lines = rows.map(({ id, results }) => {
    const text = id.startsWith(`${name}/`) ? id.slice(name.length + 1) : id;
    const button = html`<button type="button" data-i="${indices.get(id) ?? 0}">${text}</button>`;
    return html`<tr><th scope="row">${button}</th>${results.map(statusCell)}</tr>`;
  });
  return html`<details class="group">
    <summary><span>${name} <small>${rows.length}</small></span>${columns.map((column, i) => groupCount(rows, i, column))}</summary>
    <table>
      <caption class="hidden">${name}</caption>
      <thead class="hidden"><tr><th scope="col">case</th>${heads}</tr></thead>
      <tbody>${lines}</tbody>
    </table>
  </details>`;
}

/** How often each thing happened, the worst first. */
function groupCount(rows: readonly Row[], column: number, { label }: Column): Markup {
  const order: readonly CaseStatus[] = ['failed', 'expected failure', 'passed', 'not claimed'];
  const counts = order.flatMap((status) => {
    const count = countStatus(rows, column, status);
    return count > 0
      ? [html`<span class="s ${CLASSES[status]}">${count}<i class="hidden"> ${status}</i></span> `]
      : [];
  });
  const none = html`<span class="s o">not run</span>`;
  return html`<span><i class="hidden">${label}: </i>${counts.length > 0 ? counts : none}</span>`;
}

function statusCell(result: CaseResult | undefined): Markup {
  if (result === undefined) return html`<td class="s o"><i>not run</i></td>`;
  return html`<td class="s ${CLASSES[result.status]}"><i>${result.status}</i></td>`;
}
