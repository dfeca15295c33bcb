import type { BenchReport } from '../../bench/bench-report.js';
import type { ReportTotals } from '../../report.js';
import type { Column, Matrix } from '../matrix.js';
import { duration, grouped, html, type Markup, NOTHING } from './markup.js';

const PARTS: readonly [keyof ReportTotals, className: string, words: string][] = [
  ['failed', 'f', 'failed'],
  ['expectedFailures', 'x', 'expected failures'],
  ['notClaimed', 'n', 'not claimed'],
  ['passed', 'p', 'passed'],
];

/** What it all comes to, in one sentence. */
export function verdict({ columns }: Matrix, benches: readonly BenchReport[]): Markup {
  if (columns.length === 0)
    return html`<p class="verdict">${benches.length} benchmark ${plural(benches.length, 'run')}.</p>`;
  const failing = columns.filter(({ report }) => report.totals.failed > 0);
  const stopped = columns.filter(({ report }) => !report.complete);
  const names = (list: readonly Column[]) => list.map(({ label }) => label).join(', ');
  const early = stopped.length === 0 ? '' : ` Stopped before the last case: ${names(stopped)}.`;
  if (failing.length === 0) {
    const who = columns.length === 1 ? `on ${columns[0].label}` : `on any of the ${columns.length} backends`;
    return html`<p class="verdict p">No case failed ${who}.${early}</p>`;
  }
  return html`<p class="verdict f">Cases failed on ${names(failing)}.${early}</p>`;
}

/** A card for each backend: device, machine, totals. */
export function backendCards({ columns }: Matrix): Markup {
  if (columns.length === 0) return NOTHING;
  return html`<section aria-labelledby="backends">
    <h2 id="backends">Backends</h2>
    <div class="cards">${columns.map(card)}</div>
  </section>`;
}

function card({ report, label }: Column): Markup {
  const { backend, machine, totals, started, seed, complete, cases } = report;
  const time = cases.reduce((sum, { ms }) => sum + ms, 0);
  const limits = Object.entries(backend.limits).map(
    ([name, value]) =>
      html`<tr><th scope="row">${name}</th><td>${value == null ? 'none' : grouped(value)}</td></tr>`,
  );
  const driver = backend.driver === undefined ? NOTHING : html`<dt>Driver</dt><dd>${backend.driver}</dd>`;
  const when = started.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  const early = complete ? '' : ', stopped early';
  return html`<article class="card">
    <h3>${label}</h3>
    <p class="device">${backend.device}</p>
    ${bar(totals)}
    <dl>
      ${driver}
      <dt>Machine</dt><dd>${machine.runtime}, ${machine.platform}</dd>
      <dt>Run</dt><dd>${when}, ${grouped(cases.length)} cases in ${duration(time)}, seed ${seed}${early}</dd>
    </dl>
    <details>
      <summary>Dtypes and limits</summary>
      <p>${backend.dtypes.join(', ')}</p>
      <table class="limits">${limits}</table>
    </details>
  </article>`;
}

function bar(totals: ReportTotals): Markup {
  const parts = PARTS.filter(([key]) => totals[key] > 0);
  const segments = parts.map(
    ([key, name]) => html`<span class="${name}" style="flex-grow:${totals[key]}"></span>`,
  );
  const words = [...parts]
    .reverse()
    .map(([key, name, text]) => html`<li class="${name}"><b>${grouped(totals[key])}</b> ${text}</li>`);
  return html`<div class="bar" aria-hidden="true">${segments}</div><ul class="totals">${words}</ul>`;
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}
