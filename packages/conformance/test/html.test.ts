import { describe, expect, it } from 'vitest';
import { logAxis } from '../src/reports/html/log-axis.js';
import { html } from '../src/reports/html/markup.js';
import { formatHtml } from '../src/reports/html/page.js';
import { pageData } from '../src/reports/html/page-data.js';
import { buildMatrix } from '../src/reports/matrix.js';
import { exampleBench } from './example-bench.js';
import {
  exampleCase,
  exampleDifference,
  exampleReport,
  exampleRouting,
  fullReport,
} from './example-report.js';

const three = ['cpu', 'webgpu', 'toy'].map((name) => fullReport(name));

it('three full reports and a benchmark make one page under 1.5 MB, without anything from outside', () => {
  const page = formatHtml(three, [exampleBench()]);
  expect(page.length).toBeLessThan(1.5e6);
  expect(page).not.toMatch(
    /\b(src|action)=|\bhref=(?!"#)|url\(|@import|https?:(?!\/\/www\.w3\.org\/2000\/svg)/,
  );
});

it('stays small when the routing is large, and says what it left out', () => {
  // Backends that all choose differently share no picture.
  const large = three.map((report, i) => ({
    ...report,
    cases: report.cases.map((each) => ({ ...each, routing: exampleRouting(i + 1, 256, 64, 8) })),
  }));
  const page = formatHtml(large);
  expect(page.length).toBeLessThan(1.5e6);
  expect(page).toMatch(/\d+ larger ones are left out/);
});

it('escapes what is put into a template, but not templates', () => {
  const inner = html`<b title="${'"'}">${['<', '&']}</b>`;
  expect(html`<p>${inner}${1}</p>`.text).toBe('<p><b title="&#34;">&#60;&#38;</b>1</p>');
});

it('puts a case down to a cause for each backend', () => {
  const failing = (name: string, operation: 'routeTokens' | 'planDispatch') =>
    exampleReport(name, [
      exampleCase('golden/x', 'failed', { differences: [{ ...exampleDifference, operation }] }),
    ]);
  const page = formatHtml([failing('a', 'routeTokens'), failing('b', 'planDispatch')]);
  const causes = page.match(/<details class="cause">.*?<small>/g);
  expect(
    causes?.map((text) =>
      text
        .replaceAll(/<[^>]*>/g, ' ')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    ),
  ).toEqual(['routeTokens 1 case a', 'planDispatch 1 case b']);
});

describe('the matrix', () => {
  it('has failures first, and a cell for every backend', () => {
    const a = exampleReport('a', [exampleCase('golden/x', 'passed'), exampleCase('random/seed=1', 'passed')]);
    const b = exampleReport('b', [
      exampleCase('random/seed=2', 'passed'),
      exampleCase('random/seed=1', 'failed'),
    ]);
    const { groups } = buildMatrix([a, b]);
    expect(groups.map(({ name, rows }) => [name, rows.map(({ id }) => id)])).toEqual([
      ['random', ['random/seed=1', 'random/seed=2']],
      ['golden', ['golden/x']],
    ]);
    expect(groups[0].rows[1].results.map((result) => result?.status)).toEqual([undefined, 'passed']);
  });

  it('tells columns of the same backend apart', () => {
    const on = (device: string) =>
      exampleReport('webgpu', [], { backend: { name: 'webgpu', device, dtypes: [], limits: {} } });
    const { columns } = buildMatrix([exampleReport('cpu', []), on('H200'), on('lavapipe'), on('H200')]);
    expect(columns.map(({ label }) => label)).toEqual([
      'cpu',
      'webgpu (H200) #1',
      'webgpu (lavapipe)',
      'webgpu (H200) #2',
    ]);
  });

  it('draws equal choices of experts once', () => {
    const on = (name: string, seed: number) =>
      exampleReport(name, [exampleCase('golden/x', 'passed', { routing: exampleRouting(seed, 4, 8, 2) })]);
    const [{ routings }] = pageData(buildMatrix([on('a', 1), on('b', 2), on('c', 1)])).cases;
    expect(routings?.map(({ columns }) => columns)).toEqual([[0, 2], [1]]);
  });
});

it('a logarithmic axis holds all values and labels a few', () => {
  const { at, ticks } = logAxis([2e3, 7e9], 100, 500);
  expect([at(2e3), at(7e9)].every((place) => place > 100 && place < 500)).toBe(true);
  expect(ticks).toEqual([1e4, 1e5, 1e6, 1e7, 1e8, 1e9]);
  expect(logAxis([1e9, 2e9], 0, 100).ticks).toEqual([1e9, 2e9]);
});
