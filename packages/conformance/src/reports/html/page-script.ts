/// <reference lib="dom" />
import type { PageCase, PageData, PageRouting } from './page-data.js';

/*
 * What runs in the page. These functions travel as their own text, so they may use one another and the DOM, but nothing
 * that this file imports. Text from a report enters the page as textContent only.
 */

declare const data: PageData;

const SVG = 'http://www.w3.org/2000/svg';

function byId<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

function element(tag: string, text = '', className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function startPage(): void {
  if (document.getElementById('cases') === null) return;
  byId('controls').hidden = false;
  for (const id of ['filter', 'show']) byId(id).addEventListener('input', filterCases);
  byId('controls').addEventListener('submit', (event) => event.preventDefault());
  const groups = () => document.querySelectorAll<HTMLDetailsElement>('details.group');
  const setOpen = (open: boolean) => {
    for (const group of groups()) group.open = open;
  };
  byId('open').addEventListener('click', () => setOpen(true));
  byId('close').addEventListener('click', () => setOpen(false));
  document.querySelector('.matrix')?.addEventListener('click', (event) => {
    const button = (event.target as Element).closest('button');
    if (button !== null) openCase(data.cases[Number(button.dataset.i)]);
  });
  byId<HTMLDialogElement>('case').addEventListener('close', () => {
    history.replaceState(null, '', location.pathname + location.search);
  });
  addEventListener('hashchange', openFromHash);
  startRouting();
  openFromHash();
}

/** `#case=<id>` opens a case, so that one can be linked to. */
function openFromHash(): void {
  const prefix = '#case=';
  if (!location.hash.startsWith(prefix)) return;
  const id = decodeURIComponent(location.hash.slice(prefix.length));
  const chosen = data.cases.find((each) => each.id === id);
  if (chosen !== undefined) openCase(chosen);
}

function filterCases(): void {
  const text = byId<HTMLInputElement>('filter').value.trim().toLowerCase();
  const show = byId<HTMLSelectElement>('show').value;
  let shown = 0;
  for (const group of document.querySelectorAll<HTMLDetailsElement>('details.group')) {
    let found = 0;
    for (const row of group.querySelectorAll('tr')) {
      const button = row.querySelector('button');
      if (button === null) continue;
      const { id } = data.cases[Number(button.dataset.i)];
      row.hidden = !(id.toLowerCase().includes(text) && hasStatus(row, show));
      if (!row.hidden) found += 1;
    }
    group.hidden = found === 0;
    if (text !== '' || show !== '') group.open = found > 0;
    shown += found;
  }
  byId('shown').textContent = `${shown} of ${data.cases.length} cases`;
}

/** @param show a status's class, `d` for a row of several statuses, nothing for any */
function hasStatus(row: Element, show: string): boolean {
  const cells = [...row.querySelectorAll('td')].map((cell) => cell.classList[1]);
  if (show === 'd') return new Set(cells.filter((name) => name !== 'o')).size > 1;
  return show === '' || cells.includes(show);
}

function openCase(chosen: PageCase): void {
  byId('case-title').textContent = chosen.id;
  const parts = chosen.results.map((result, column) => describeResult(data.columns[column], result));
  for (const routing of chosen.routings ?? []) parts.push(drawRouting(routing));
  byId('case-body').replaceChildren(...parts);
  history.replaceState(null, '', `#case=${encodeURIComponent(chosen.id)}`);
  const dialog = byId<HTMLDialogElement>('case');
  if (!dialog.open) dialog.showModal();
}

function describeResult(label: string, result: PageCase['results'][number]): HTMLElement {
  const part = element('section');
  const full = typeof result === 'number' ? { status: 'passed', ms: result, differences: [] } : result;
  const status = full === null ? 'not run' : full.status;
  const names: Record<string, string> = {
    passed: 'p',
    failed: 'f',
    'not claimed': 'n',
    'expected failure': 'x',
  };
  const heading = element('h3', `${label} `);
  heading.append(element('span', status, `tag ${names[status] ?? 'o'}`));
  part.append(heading);
  if (full === null) return part;
  part.append(element('p', `${full.ms} ms`));
  if ('reason' in full && full.reason !== undefined) part.append(element('p', full.reason));
  if ('link' in full && full.link !== undefined) part.append(describeLink(full.link));
  if ('error' in full && full.error !== undefined) {
    const { name, code, message } = full.error;
    part.append(element('p', `threw ${name} ${code ?? ''}: ${message}`, 'thrown'));
  }
  for (const { case: label, tensor, index, expected, found, count } of full.differences) {
    const place = index.length > 0 ? `${tensor}[${index.join(', ')}]` : tensor;
    const item = element('dl', '', 'difference');
    const words = { in: label, element: place, expected, found, 'wrong in all': String(count) };
    for (const [term, value] of Object.entries(words)) item.append(element('dt', term), element('dd', value));
    part.append(item);
  }
  return part;
}

/** Only a web address becomes a link. */
function describeLink(link: string): HTMLElement {
  const line = element('p');
  if (!/^https?:\/\//i.test(link)) return element('p', link);
  const anchor = element('a', link) as HTMLAnchorElement;
  anchor.href = link;
  anchor.rel = 'noreferrer';
  line.append(anchor);
  return line;
}

/** The section of pictures: one case at a time, chosen from those that have one. */
function startRouting(): void {
  const select = document.querySelector<HTMLSelectElement>('#routing-case');
  if (select === null) return;
  const drawn = data.cases.filter(({ routings }) => routings !== undefined);
  for (const { id } of drawn) select.append(new Option(id, id));
  const draw = () => {
    const { routings = [] } = drawn.find(({ id }) => id === select.value) ?? drawn[0];
    byId('routing-body').replaceChildren(...routings.map(drawRouting));
  };
  const preferred = drawn.find(({ routings = [] }) => routings[0].topKIndices.length > 15) ?? drawn[0];
  select.value = preferred.id;
  select.addEventListener('input', draw);
  draw();
}

/** Tokens downwards, experts to the right, each expert's load above; the first choice is the darkest. */
function drawRouting({ columns, numExperts, topKIndices }: PageRouting): HTMLElement {
  const tokens = topKIndices.length;
  const topK = topKIndices[0]?.length ?? 0;
  const loads = new Array<number>(numExperts).fill(0);
  for (const expert of topKIndices.flat()) if (expert in loads) loads[expert] += 1;
  const most = Math.max(1, ...loads);
  const head = Math.max(3, Math.ceil(tokens / 6));
  const svg = document.createElementNS(SVG, 'svg');
  const size = Math.min(16, Math.max(2.5, 900 / numExperts));
  const rows = head + tokens + 0.5;
  for (const [name, value] of Object.entries({
    viewBox: `0 0 ${numExperts} ${rows}`,
    width: numExperts * size,
    height: rows * size,
    role: 'img',
  }))
    svg.setAttribute(name, String(value));
  const who = columns.map((column) => data.columns[column]).join(', ');
  const busiest = loads.indexOf(Math.max(...loads));
  const text = `${tokens} tokens × ${numExperts} experts, ${topK} choices each; expert ${busiest} is chosen most, ${loads[busiest]} times, ${loads.filter((load) => load === 0).length} experts never`;
  svg.setAttribute('aria-label', `Routing on ${who}: ${text}`);
  const path = (d: string, className: string, opacity = 1) => {
    const made = document.createElementNS(SVG, 'path');
    for (const [name, value] of Object.entries({ d, class: className, 'fill-opacity': opacity }))
      made.setAttribute(name, String(value));
    svg.append(made);
  };
  path(`M0 ${head + 0.5}h${numExperts}v${tokens}h-${numExperts}z`, 'ground');
  path(loads.map((load, e) => `M${e + 0.1} ${head}v-${(load / most) * head}h.8V${head}z`).join(''), 'load');
  for (let k = 0; k < topK; k++) {
    const cells = topKIndices.map((experts, t) => `M${experts[k] + 0.06} ${head + 0.56 + t}h.88v.88h-.88z`);
    path(cells.join(''), 'choice', 1 - (0.65 * k) / topK);
  }
  return describeRouting(who, text, svg, topKIndices);
}

function describeRouting(
  who: string,
  text: string,
  svg: SVGElement,
  topKIndices: PageRouting['topKIndices'],
): HTMLElement {
  const figure = element('figure', '', 'routing');
  const box = element('div', '', 'scroll');
  box.tabIndex = 0;
  box.append(svg);
  const caption = element('figcaption');
  caption.append(
    element('b', who),
    ` ${text}. Tokens go down, experts to the right; the bars above are the experts' loads.`,
  );
  const words = element('details');
  words.append(element('summary', 'The choices as text'));
  words.append(
    element('pre', topKIndices.map((experts, t) => `token ${t}: ${experts.join(', ')}`).join('\n')),
  );
  figure.append(caption, box, words);
  return figure;
}

const FUNCTIONS = [
  byId,
  element,
  startPage,
  openFromHash,
  filterCases,
  hasStatus,
  openCase,
  describeResult,
  describeLink,
  startRouting,
  drawRouting,
  describeRouting,
];

/** The page's inline script; the element `data` holds PageData. */
export const PAGE_SCRIPT = [
  `const SVG = '${SVG}';`,
  "const data = JSON.parse(document.getElementById('data').textContent);",
  ...FUNCTIONS.map(String),
  'startPage();',
].join('\n');
