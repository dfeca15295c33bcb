import type { Difference } from '../../compare.js';
import type { CaseResult, CaseStatus } from '../../report.js';
import { repeatCommand } from '../../report-text.js';
import { byCount, causeOf, groupBy } from '../../triage.js';
import {
  type Column,
  countStatus,
  type Group,
  groupOf,
  hasFailed,
  type Matrix,
  type Row,
} from '../matrix.js';
import { breakable, grouped, html, Markup, NOTHING, scrollTable } from './markup.js';

/** Failed cases of a cause that are shown; the others, when they are chosen in the matrix. */
const SHOWN_FAILURES = 10;

const CLASSES: Record<CaseStatus, string> = {
  passed: 'p',
  failed: 'f',
  'not claimed': 'n',
  'expected failure': 'x',
};

/** A failed case and the backends on which it failed for one cause. */
interface Failure {
  readonly id: string;
  readonly cause: string;
  readonly found: readonly { readonly label: string; readonly result: CaseResult }[];
}

/** The failed cases, folded by cause: the most frequent first. */
export function failures({ columns, groups }: Matrix): Markup {
  const failed = groups.flatMap(({ rows }) => rows.filter(hasFailed));
  if (failed.length === 0) return NOTHING;
  const all = failed.flatMap((row) => failuresOf(row, columns));
  const causes = byCount(groupBy(all, ({ cause }) => cause));
  return html`<section aria-labelledby="failures">
    <h2 id="failures">Failures <small>${cases(failed.length)}, by cause</small></h2>
    ${causes.map(([cause, list]) => causeDetails(cause, list, causes.length === 1))}
  </section>`;
}

function failuresOf({ id, results }: Row, columns: readonly Column[]): Failure[] {
  const found = results.flatMap((result, i) =>
    result?.status === 'failed' ? [{ label: columns[i].label, result }] : [],
  );
  const byCause = groupBy(found, ({ result }) => causeOf(result));
  return Array.from(byCause, ([cause, list]) => ({ id, cause, found: list }));
}

function causeDetails(cause: string, list: readonly Failure[], isOnly: boolean): Markup {
  const labels = new Set(list.flatMap(({ found }) => found.map(({ label }) => label)));
  const inGroups = byCount(groupBy(list, ({ id }) => groupOf(id)));
  const where = inGroups.map(
    ([group, { length }], i) => html`${i === 0 ? '' : ', '}<span>${group} ${grouped(length)}</span>`,
  );
  const more = list.length - SHOWN_FAILURES;
  const rest = more <= 0 ? NOTHING : html`<p>${grouped(more)} more stand first in the matrix.</p>`;
  const first = firstWords(list[0].found[0].result);
  return html`<details class="cause"${new Markup(isOnly ? ' open' : '')}>
    <summary><b>${cause}</b> ${cases(list.length)} ${tags(labels)}<small>${first}</small></summary>
    <p class="where">${where}</p>
    ${list.slice(0, SHOWN_FAILURES).map((each, i) => failureDetails(each, i === 0))}${rest}
  </details>`;
}

function tags(labels: Iterable<string>): Markup {
  return html`${Array.from(labels, (label) => html`<span class="tag f">${label}</span> `)}`;
}

function firstWords({ differences: [first], error }: CaseResult): string {
  if (first !== undefined) return `${elementName(first)}: expected ${first.expected}, found ${first.found}`;
  return error === undefined ? '' : `threw ${error.name}: ${error.message}`;
}

function cases(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'case' : 'cases'}`;
}

function failureDetails({ id, found }: Failure, isFirst: boolean): Markup {
  const parts = found.map(({ label, result }) => {
    const heading = found.length > 1 ? html`<h3>${label}</h3>` : NOTHING;
    return html`${heading}${whatWentWrong(result)}`;
  });
  return html`<details class="failure"${new Markup(isFirst ? ' open' : '')}>
    <summary><code>${breakable(id)}</code> ${tags(found.map(({ label }) => label))}</summary>
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
  ['wrong in all', ({ count }) => html`${grouped(count)}`],
];

function elementName({ tensor, index }: Difference): string {
  return index.length > 0 ? `${tensor}[${index.join(', ')}]` : tensor;
}

/** Backends × cases. `indices` gives a case's place in the page's data. */
export function caseMatrix({ columns, groups }: Matrix, indices: ReadonlyMap<string, number>): Markup {
  if (columns.length === 0) return NOTHING;
  const heads = columns.map(({ label }) => html`<span>${label}</span>`);
  const word = Math.max(...columns.flatMap(({ label }) => label.split(/[\s-]/).map(({ length }) => length)));
  return html`<section aria-labelledby="cases">
    <h2 id="cases">Cases <small>${grouped(indices.size)}, by group</small></h2>
    ${CONTROLS}
    <p class="legend">
      <span class="p">passed</span> <span class="f">failed</span>
      <span class="n">not claimed: the backend does not offer it</span>
      <span class="x">expected failure</span> <span class="o">not run</span>
    </p>
    <div class="matrix" tabindex="0" role="group" aria-label="matrix of backends and cases" style="--columns:${columns.length};--word:${Math.min(word, LONGEST_WORD)}">
      <div class="heads" aria-hidden="true"><span></span>${heads}</div>
      ${groups.map((group) => groupDetails(group, columns, indices))}
    </div>
  </section>`;
}

/** Letters; a longer one is broken. */
const LONGEST_WORD = 12;

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
    const button = html`<button type="button" data-i="${indices.get(id) ?? 0}">${breakable(text)}</button>`;
    return html`<tr><th scope="row">${button}</th>${results.map(statusCell)}</tr>`;
  });
  return html`<details class="group">
    <summary><span>${breakable(name)} <small>${grouped(rows.length)}</small></span>${columns.map((column, i) => groupCount(rows, i, column))}</summary>
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
      ? [html`<span class="s ${CLASSES[status]}">${grouped(count)}<i class="hidden"> ${status}</i></span> `]
      : [];
  });
  const none = html`<span class="s o">not run</span>`;
  return html`<span><i class="hidden">${label}: </i>${counts.length > 0 ? counts : none}</span>`;
}

function statusCell(result: CaseResult | undefined): Markup {
  if (result === undefined) return html`<td class="s o"><i>not run</i></td>`;
  return html`<td class="s ${CLASSES[result.status]}"><i>${result.status}</i></td>`;
}
