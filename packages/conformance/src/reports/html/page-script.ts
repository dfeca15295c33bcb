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

function grouped(value: number): string {
  return value.toLocaleString('en');
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
  const id = new URLSearchParams(location.hash.slice(1)).get('case');
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
  byId('shown').textContent = `${grouped(shown)} of ${grouped(data.cases.length)} cases`;
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
  parts.push(...drawRoutings(chosen.routings ?? []));
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
    const words = { in: label, element: place, expected, found, 'wrong in all': grouped(count) };
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
    byId('routing-body').replaceChildren(...drawRoutings(routings));
  };
  const preferred = drawn.find(({ routings = [] }) => routings[0].topKIndices.length > 15) ?? drawn[0];
  select.value = preferred.id;
  select.addEventListener('input', draw);
  draw();
}

function drawRoutings(routings: readonly PageRouting[]): HTMLElement[] {
  return routings.map((routing) => drawRouting(routing, routings[0]));
}

/**
 * Tokens downwards, experts to the right, each expert's load above. Earlier choices are stronger.
 * @param reference the first backends' choices: what differs from them is marked
 */
function drawRouting(routing: PageRouting, reference: PageRouting): HTMLElement {
  const { columns, numExperts, topKIndices } = routing;
  const loads = new Array<number>(numExperts).fill(0);
  for (const expert of topKIndices.flat()) if (expert in loads) loads[expert] += 1;
  const head = Math.max(3, Math.min(8, Math.ceil(topKIndices.length / 6)));
  // A row of expert numbers between the loads and the tokens, a column of token numbers at the left.
  const [left, top] = [2.5, head + 1.3];
  const [width, height] = [left + numExperts, top + topKIndices.length + 0.5];
  const size = Math.max(12, Math.min(24, 1100 / width));
  const sizes = { viewBox: `${-left} 0 ${width} ${height}`, width: width * size, height: height * size };
  const who = columns.map((column) => data.columns[column]).join(', ');
  const text = describeLoads(topKIndices, loads);
  const svg = svgElement('svg', { ...sizes, role: 'img', 'aria-label': `Routing on ${who}: ${text}` });
  const most = Math.max(1, ...loads);
  const bars = loads.map((load, e) => `M${e + 0.1} ${head}v-${(load / most) * head}h.8V${head}z`);
  svg.append(svgElement('path', { class: 'load', d: bars.join('') }));
  svg.append(...routingCells(routing, reference, top), ...routingNumbers(routing, top));
  return captionRouting(who, text, svg, routing);
}

/** Every fourth expert and token. */
function routingNumbers({ numExperts, topKIndices }: PageRouting, top: number): SVGElement[] {
  const numbers: SVGElement[] = [];
  const add = (value: number, place: Record<string, string | number>) => {
    const number = svgElement('text', place);
    number.textContent = String(value);
    numbers.push(number);
  };
  for (let e = 0; e < numExperts; e += 4) add(e, { x: e + 0.5, y: top - 0.3, 'text-anchor': 'middle' });
  for (let t = 0; t < topKIndices.length; t += 4) add(t, { x: -0.3, y: top + t + 0.8, 'text-anchor': 'end' });
  return numbers;
}

function routingCells(
  { numExperts, topKIndices }: PageRouting,
  reference: PageRouting,
  top: number,
): SVGElement[] {
  const topK = topKIndices[0]?.length ?? 0;
  const cell = (expert: number, token: number) => `M${expert + 0.06} ${top + 0.06 + token}h.88v.88h-.88z`;
  const cells = Array.from({ length: topK }, (_, k) => {
    const d = topKIndices.map((experts, token) => cell(experts[k], token)).join('');
    return svgElement('path', { class: 'choice', 'fill-opacity': 1 - (0.65 * k) / topK, d });
  });
  const changed = topKIndices.flatMap((experts, token) =>
    experts.flatMap((expert, k) =>
      reference.topKIndices[token]?.[k] === expert ? [] : [cell(expert, token)],
    ),
  );
  const ground = svgElement('path', {
    class: 'ground',
    d: `M0 ${top}h${numExperts}v${topKIndices.length}h-${numExperts}z`,
  });
  return [ground, ...cells, svgElement('path', { class: 'changed', d: changed.join('') })];
}

function svgElement(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

function describeLoads(topKIndices: PageRouting['topKIndices'], loads: readonly number[]): string {
  const most = Math.max(0, ...loads);
  const never = loads.filter((load) => load === 0).length;
  const size = `${topKIndices.length} tokens × ${loads.length} experts, ${topKIndices[0]?.length ?? 0} choices each`;
  return `${size}; expert ${loads.indexOf(most)} is chosen most, ${most} times, ${never} experts never`;
}

function captionRouting(
  who: string,
  text: string,
  svg: SVGElement,
  { topKIndices }: PageRouting,
): HTMLElement {
  const figure = element('figure', '', 'routing');
  const box = element('div', '', 'scroll');
  box.tabIndex = 0;
  box.append(svg);
  const caption = element('figcaption');
  caption.append(element('b', who), `: ${text}.`);
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
  drawRoutings,
  drawRouting,
  routingCells,
  routingNumbers,
  grouped,
  svgElement,
  describeLoads,
  captionRouting,
];

/** The page's inline script; the element `data` holds PageData. */
export const PAGE_SCRIPT = [
  `const SVG = '${SVG}';`,
  "const data = JSON.parse(document.getElementById('data').textContent);",
  ...FUNCTIONS.map(String),
  'startPage();',
].join('\n');
