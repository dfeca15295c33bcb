import { type BackendBench, type BenchReport, type BenchRow, shapeName } from '../../bench/bench-report.js';
import { type Axis, logAxis } from './log-axis.js';
import { byteCount, duration, html, type Markup } from './markup.js';

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 78;
const BOTTOM = 44;
const TOP = 12;
const RIGHT = 16;

/** One backend of one benchmark run. */
export interface Series {
  readonly label: string;
  /** A number that style.ts has a colour for. */
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

/** Achieved bytes a second against the bytes that a call must move, below the rate of a copy. */
export function roofline(series: readonly Series[]): Markup {
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
  const names = series.map(({ label }) => label).join('; ');
  const title = `Bytes a second against the bytes of a call, both axes logarithmic, of ${names}. The numbers are in the tables that follow.`;
  const dot = html`<svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5"/></svg>`;
  const legend = series.map(({ label, colour }) => html`<li class="c${colour}">${dot}${label}</li>`);
  return html`<figure>
    <div class="scroll" tabindex="0" role="group" aria-label="roofline plot">
      <svg class="roofline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
        ${axes(x, y)}${series.map((each) => drawSeries(each, x, y))}
      </svg>
    </div>
    <figcaption>
      <ul class="key">${legend}</ul>
      <p>● dispatch &nbsp; ◇ reduce &nbsp; dashed line: a copy of about as many bytes</p>
    </figcaption>
  </figure>`;
}

function axes(x: Axis, y: Axis): Markup {
  const bottom = HEIGHT - BOTTOM;
  const vertical = x.ticks.map((value) => {
    const at = x.at(value);
    return html`<path class="grid" d="M${at} ${TOP}V${bottom}"/>
      <text x="${at}" y="${bottom + 18}" text-anchor="middle">${byteCount(value)}</text>`;
  });
  const horizontal = y.ticks.map((value) => {
    const at = y.at(value);
    return html`<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>
      <text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${byteCount(value)}/s</text>`;
  });
  return html`${vertical}${horizontal}
    <text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 6}" text-anchor="middle">
      bytes read and written by a call, at the least
    </text>`;
}

function drawSeries({ backend, colour, label }: Series, x: Axis, y: Axis): Markup {
  const rows = [...backend.rows].sort((a, b) => a.copyBytes - b.copyBytes);
  const at = ({ bytes: size, rate }: Point) => `${x.at(size)} ${y.at(rate)}`;
  const copy = rows.map((row) => at(copyPoint(row)));
  const marks = rows.map((row) => {
    const [dispatch, reduce] = pointsOf(row);
    return html`<circle cx="${x.at(dispatch.bytes)}" cy="${y.at(dispatch.rate)}" r="5">
        <title>${label}: ${dispatch.title}</title>
      </circle>
      <path class="hollow" d="M${at(reduce)}m0-6l6 6l-6 6l-6-6z"><title>${label}: ${reduce.title}</title></path>`;
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
      title: `${what} of ${shapeName(row.shape)}: ${duration(ms)}, ${byteCount(rate)}/s`,
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
