import { type BenchReport, dispatchRatio, reduceRatio, shapeName } from '../../bench/bench-report.js';
import { byteCount, duration, grouped, html, type Markup, NOTHING, scrollTable } from './markup.js';
import { roofline, type Series } from './roofline.js';

/** How many colours style.ts has. */
const COLOURS = 6;

/** A roofline plot of all benchmark runs, and the numbers. */
export function benchSection(benches: readonly BenchReport[]): Markup {
  if (benches.length === 0) return NOTHING;
  const series = labelSeries(benches);
  const drawn = series.filter(({ backend }) => backend.rows.length > 0);
  return html`<section aria-labelledby="bench">
    <h2 id="bench">Benchmark</h2>
    ${drawn.length > 0 ? roofline(drawn) : html`<p>Nothing was measured.</p>`}
    ${series.map(numbers)}${benches.map(unavailable)}
  </section>`;
}

/** The backend's name; if several series share it, with the machine. */
function labelSeries(benches: readonly BenchReport[]): Series[] {
  const all = benches.flatMap((bench) => bench.backends.map((backend) => ({ bench, backend })));
  return all.map(({ bench, backend }, i) => {
    const same = all.filter((other) => other.backend.name === backend.name);
    const machine = same.length > 1 ? ` (${backend.device}, ${bench.machine.processor})` : '';
    return { label: `${backend.name}${machine}, ${bench.dtype}`, colour: i % COLOURS, bench, backend };
  });
}

function numbers({ label, bench, backend }: Series): Markup {
  const rows = backend.rows.map((row) => {
    const rate = row.dispatchBytes / (row.dispatchMs / 1000);
    const cells = [
      duration(row.copyMs),
      duration(row.dispatchMs),
      ratio(dispatchRatio(row)),
      duration(row.reduceMs),
      ratio(reduceRatio(row)),
      `${byteCount(rate)}/s`,
    ];
    return html`<tr><th scope="row">${shapeName(row.shape)}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
  });
  const { processor, runtime, platform } = bench.machine;
  const left = backend.leftOut.map(({ shape, reason }) => html`<li>${shapeName(shape)}: ${reason}</li>`);
  const heads = ['T, D, E, K', 'copy', 'dispatch', '× copy', 'reduce', '× copy', 'dispatch reaches'];
  return html`<h3>${label}</h3>
    <p class="device">${backend.device}; ${processor}, ${runtime}, ${platform}. ${bench.timing}. Compared with
      ${backend.copy}.</p>
    ${scrollTable('numbers', `benchmark of ${label}`, heads, rows)}
    ${left.length > 0 ? html`<p>Left out:</p><ul>${left}</ul>` : NOTHING}`;
}

function ratio(value: number): string {
  return value < 100 ? value.toFixed(2) : grouped(Math.round(value));
}

function unavailable({ unavailable: list }: BenchReport): Markup {
  if (list.length === 0) return NOTHING;
  const items = list.map(({ backend, reason }) => html`<li>${backend}: ${reason}</li>`);
  return html`<p>Not available:</p><ul>${items}</ul>`;
}
