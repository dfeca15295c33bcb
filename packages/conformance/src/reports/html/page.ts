import { createHash } from 'node:crypto';
import type { BenchReport } from '../../bench/bench-report.js';
import type { ConformanceReport } from '../../report.js';
import { buildMatrix } from '../matrix.js';
import { benchSection } from './bench.js';
import { caseMatrix, failures } from './cases.js';
import { errorHistograms } from './histograms.js';
import { html, jsonScript, Markup, NOTHING } from './markup.js';
import { backendCards, verdict } from './overview.js';
import { type PageData, pageData } from './page-data.js';
import { PAGE_SCRIPT } from './page-script.js';
import { STYLE } from './style.js';
import { timing } from './timing.js';

/** One page that needs nothing but itself: a matrix of backends × cases, and the benchmark if there is one. */
export function formatHtml(
  reports: readonly ConformanceReport[],
  benches: readonly BenchReport[] = [],
): string {
  const matrix = buildMatrix(reports);
  const data = pageData(matrix);
  const indices = new Map(data.cases.map(({ id }, i) => [id, i]));
  const sections = [
    caseMatrix(matrix, indices),
    failures(matrix),
    backendCards(matrix),
    routingSection(data),
    errorHistograms(matrix),
    timing(matrix),
    benchSection(benches),
  ];
  const title =
    reports.length > 0 ? 'Conformance of moe-dispatch backends' : 'Benchmark of moe-dispatch backends';
  // The hash lets this script run and nothing else, whatever a report contains.
  const hash = createHash('sha256').update(PAGE_SCRIPT).digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const page = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
    <title>${title}</title>
    <style>${new Markup(STYLE)}</style>
  </head>
  <body>
    <main>
      <header><h1>${title}</h1>${verdict(matrix, benches)}</header>
      ${jumpBar(sections)}${sections}
    </main>
    <dialog id="case" aria-labelledby="case-title">
      <form method="dialog"><h2 id="case-title"></h2><button>Close</button></form>
      <div id="case-body"></div>
    </dialog>
    <script type="application/json" id="data">${jsonScript(data)}</script>
    <script>${new Markup(PAGE_SCRIPT)}</script>
  </body>
</html>`;
  return `${page.text}\n`;
}

/** Links to the sections that the page has, by the id and the text of their headings. */
function jumpBar(sections: readonly Markup[]): Markup {
  const headings = sections.flatMap(({ text }) => [...text.matchAll(/<h2 id="(\w+)">(\w[\w ]*\w)/g)]);
  const links = headings.map(([, id, name]) => html`<a href="#${id}">${name}</a> `);
  return html`<nav aria-label="sections">${links}</nav>`;
}

function routingSection({ cases, routingLeftOut }: PageData): Markup {
  if (!cases.some(({ routings }) => routings !== undefined)) return NOTHING;
  const left =
    routingLeftOut === 0
      ? ''
      : ` ${routingLeftOut} larger ones are left out, to keep the page small; the JSON has them.`;
  return html`<section aria-labelledby="routing">
    <h2 id="routing">Routing</h2>
    <p>Which experts the first dispatch of a case chose for each token. Tokens go down, experts to the right, both
      numbered from 0, each expert's load stands above; earlier choices are stronger. Backends that chose alike share a picture; a red frame
      marks what differs from the first.${left}</p>
    <label>Case <select id="routing-case"></select></label>
    <div id="routing-body"></div>
    <noscript>The pictures need JavaScript.</noscript>
  </section>`;
}
