import {
  type BackendBench,
  type BenchReport,
  type BenchRow,
  dispatchRatio,
  reduceRatio,
  shapeName,
} from '../../bench/bench-report.js';
import { type Axis, logAxis } from './log-axis.js';
import { duration, html, type Markup, NOTHING } from './markup.js';

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 78;
const BOTTOM = 44;
const TOP = 12;
const RIGHT = 16;
/** How many colours style.ts has. */
const COLOURS = 6;

interface Series {
  readonly label: string;
  readonly colour: number;
  readonly bench: BenchReport;
  readonly backend: BackendBench;
}

interface Point {
  readonly bytes: number;
  /** Bytes a second. */
  readonly rate: number;
  readonly title: string;
}

/** Achieved bytes a second against the bytes that a call must move, below the rate of a copy; and the numbers. */
export function roofline(benches: readonly BenchReport[]): Markup {
  if (benches.length === 0) return NOTHING;
  const series = labelSeries(benches);
  const drawn = series.filter(({ backend }) => backend.rows.length > 0);
  return html`<section aria-labelledby="bench"><h2 id="bench">Benchmark</h2>
${drawn.length > 0 ? plot(drawn) : html`<p>Nothing was measured.</p>`}${series.map(numbers)}${benches.map(unavailable)}</section>`;
}

function labelSeries(benches: readonly BenchReport[]): Series[] {
  const all = benches.flatMap((bench) => bench.backends.map((backend) => ({ bench, backend })));
  return all.map(({ bench, backend }, i) => {
    const same = all.filter((other) => other.backend.name === backend.name);
    const label =
      same.length > 1 ? `${backend.name} (${backend.device}, ${bench.machine.processor})` : backend.name;
    return { label: `${label}, ${bench.dtype}`, colour: i % COLOURS, bench, backend };
  });
}

function plot(series: readonly Series[]): Markup {
  const points = series.flatMap(({ backend }) => backend.rows.flatMap((row) => pointsOf(row)));
  const x = logAxis(
    points.map(({ bytes }) => bytes),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = logAxis(
    points.map(({ rate }) => rate),
    HEIGHT - BOTTOM,
    TOP,
  );
  const title = `Bytes a second against the bytes of a call, both axes logarithmic, of ${series.map(({ label }) => label).join('; ')}. The numbers are in the tables that follow.`;
  const legend = series.map(
    ({ label, colour }) =>
      html`<li class="c${colour}"><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5"/></svg>${label}</li>`,
  );
  return html`<figure><div class="scroll" tabindex="0" role="group" aria-label="roofline plot"><svg class="roofline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${axes(x, y)}${series.map((each) => drawSeries(each, x, y))}</svg></div>
<figcaption><ul class="key">${legend}</ul><p>● dispatch &nbsp; ◇ reduce &nbsp; dashed line: a copy of about as many bytes</p></figcaption></figure>`;
}

function axes(x: Axis, y: Axis): Markup {
  const bottom = HEIGHT - BOTTOM;
  const vertical = x.ticks.map(
    (value) =>
      html`<path class="grid" d="M${x.at(value)} ${TOP}V${bottom}"/><text x="${x.at(value)}" y="${bottom + 18}" text-anchor="middle">${bytes(value)}</text>`,
  );
  const horizontal = y.ticks.map(
    (value) =>
      html`<path class="grid" d="M${LEFT} ${y.at(value)}H${WIDTH - RIGHT}"/><text x="${LEFT - 8}" y="${y.at(value) + 4}" text-anchor="end">${bytes(value)}/s</text>`,
  );
  return html`${vertical}${horizontal}<text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 6}" text-anchor="middle">bytes read and written by a call, at the least</text>`;
}

function drawSeries({ backend, colour, label }: Series, x: Axis, y: Axis): Markup {
  const rows = [...backend.rows].sort((a, b) => a.copyBytes - b.copyBytes);
  const at = ({ bytes: size, rate }: Point) => `${x.at(size)} ${y.at(rate)}`;
  const copy = rows.map((row) => at(copyPoint(row)));
  const marks = rows.map((row) => {
    const [dispatch, reduce] = pointsOf(row);
    return html`<circle cx="${x.at(dispatch.bytes)}" cy="${y.at(dispatch.rate)}" r="5"><title>${label}: ${dispatch.title}</title></circle><path class="hollow" d="M${at(reduce)}m0-6l6 6l-6 6l-6-6z"><title>${label}: ${reduce.title}</title></path>`;
  });
  return html`<g class="c${colour}"><path class="roof" d="M${copy.join('L')}"/>${marks}</g>`;
}

/** Of dispatch, reduce and the copy. */
function pointsOf(row: BenchRow): readonly [Point, Point, Point] {
  const point = (size: number, ms: number, what: string): Point => {
    const rate = size / (ms / 1000);
    return {
      bytes: size,
      rate,
      title: `${what} of ${shapeName(row.shape)}: ${duration(ms)}, ${bytes(rate)}/s`,
    };
  };
  return [
    point(row.dispatchBytes, row.dispatchMs, 'dispatch'),
    point(row.reduceBytes, row.reduceMs, 'reduce'),
    copyPoint(row),
  ];
}

function copyPoint({ copyBytes, copyMs }: BenchRow): Point {
  return { bytes: copyBytes, rate: copyBytes / (copyMs / 1000), title: 'copy' };
}

function numbers({ label, bench, backend }: Series): Markup {
  const rows = backend.rows.map(
    (row) =>
      html`<tr><th scope="row">${shapeName(row.shape)}</th><td>${duration(row.copyMs)}</td><td>${duration(row.dispatchMs)}</td><td>${dispatchRatio(row).toFixed(2)}</td><td>${duration(row.reduceMs)}</td><td>${reduceRatio(row).toFixed(2)}</td><td>${bytes(row.dispatchBytes / (row.dispatchMs / 1000))}/s</td></tr>`,
  );
  const left = backend.leftOut.map(({ shape, reason }) => html`<li>${shapeName(shape)}: ${reason}</li>`);
  const heads = ['T, D, E, K', 'copy', 'dispatch', '× copy', 'reduce', '× copy', 'dispatch reaches'];
  return html`<h3>${label}</h3><p class="device">${backend.device}; ${bench.machine.processor}, ${bench.machine.runtime}, ${bench.machine.platform}. ${bench.timing}. Compared with ${backend.copy}.</p>
<div class="scroll" tabindex="0" role="group" aria-label="benchmark of ${label}"><table class="numbers"><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>
${left.length > 0 ? html`<p>Left out:</p><ul>${left}</ul>` : NOTHING}`;
}

function unavailable({ unavailable: list }: BenchReport): Markup {
  if (list.length === 0) return NOTHING;
  return html`<p>Not available:</p><ul>${list.map(({ backend, reason }) => html`<li>${backend}: ${reason}</li>`)}</ul>`;
}

/** `3.2 GB`, decimal. */
function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(value) / 3 + 1e-9)));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
