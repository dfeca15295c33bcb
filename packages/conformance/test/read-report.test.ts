import { describe, expect, it } from 'vitest';
import { ReportError, readCollection, readReport } from '../src/reports/read.js';
import { runConformance } from '../src/run.js';
import { exampleBench } from './example-bench.js';
import { exampleCase, exampleReport, fullReport } from './example-report.js';
import { reference } from './reference-backend.js';

const report = exampleReport('cpu', [exampleCase('golden/a', 'passed'), exampleCase('golden/b', 'failed')]);
const collection = {
  kind: 'collection',
  version: 1,
  reports: [report, fullReport('gpu')],
  benches: [exampleBench()],
};

/** The message of the error that reading `value` throws. */
function refusal(value: unknown, read: (text: string, file: string) => unknown = readReport): string {
  try {
    read(typeof value === 'string' ? value : JSON.stringify(value), 'here/head.json');
  } catch (error) {
    expect(error).toBeInstanceOf(ReportError);
    return (error as Error).message;
  }
  return 'not refused';
}

describe('readReport', () => {
  it('takes what a run really reports, failures and thrown errors included', async () => {
    const filter = 'softmax-e8';
    const good = await runConformance(reference(), { filter });
    const faulty = await runConformance(reference({ prefixSumAsCounts: true }), {
      filter: 'random/',
      random: 2,
    });
    expect(faulty.totals.failed).toBeGreaterThan(0);
    for (const each of [good, faulty]) expect(readReport(JSON.stringify(each), 'r.json')).toEqual(each);
  });

  it('takes fields that it does not know', () => {
    const later = { ...report, capabilities: { wrap: true } };
    expect(readReport(JSON.stringify(later), 'r.json')).toEqual(later);
  });

  const refused: [what: string, value: unknown, message: string][] = [
    ['a later version', { ...report, version: 2 }, 'here/head.json: /version: expected 1, found 2'],
    ['no version', { ...report, version: undefined }, '/version: expected 1, found nothing'],
    ['an array', [], 'here/head.json: expected an object, found []'],
    ['no object', 'null', 'expected an object, found null'],
    [
      'a cut file',
      '{\n  "version": 1,\n  "cases": [',
      'here/head.json, line 3, column 13: no JSON: CloseBracketExpected',
    ],
    ['a stray comma', '{\n  "version": ,\n}', 'here/head.json, line 2, column 14: no JSON: ValueExpected'],
    ['no cases', { ...report, cases: undefined }, "here/head.json: /: must have required property 'cases'"],
    [
      'a case without a time',
      { ...report, cases: [{ id: 'x', status: 'passed', differences: [] }] },
      "/cases/0: must have required property 'ms'",
    ],
    [
      'an unknown status',
      { ...report, cases: [{ ...report.cases[0], status: 'fine' }] },
      '/cases/0/status: must be equal to one of the allowed values: passed, failed',
    ],
    [
      'a total that is text',
      { ...report, totals: { ...report.totals, failed: '0' } },
      '/totals/failed: must be integer',
    ],
    [
      'fewer failures in the totals than in the cases',
      { ...report, totals: { ...report.totals, passed: 2, failed: 0 } },
      'here/head.json: /totals/passed: expected 1, as its cases say, found 2',
    ],
    [
      'cases cut off after the totals',
      { ...report, cases: report.cases.slice(0, 1) },
      'here/head.json: /totals/failed: expected 0, as its cases say, found 1',
    ],
    [
      'a total that no case has',
      { ...report, totals: { ...report.totals, expectedFailures: 1 } },
      '/totals/expectedFailures: expected 0, as its cases say, found 1',
    ],
    [
      'a case turned into one that is not claimed',
      { ...report, cases: [report.cases[0], exampleCase('golden/b', 'not claimed')] },
      '/totals/failed: expected 0, as its cases say, found 1',
    ],
    [
      'experts that are text',
      { ...report, cases: [{ ...report.cases[0], routing: { numExperts: 2, topKIndices: [['0']] } }] },
      '/cases/0/routing/topKIndices/0/0: must be integer',
    ],
  ];
  it.each(refused)('refuses %s, with file and place', (_, value, message) => {
    expect(refusal(value)).toContain(message);
  });
});

describe('readCollection', () => {
  it('takes a report, a bench report, and a collection of both', () => {
    const read = (value: unknown) => readCollection(JSON.stringify(value), 'r.json');
    expect(read(report)).toEqual({ kind: 'collection', version: 1, reports: [report], benches: [] });
    expect(read(exampleBench())).toMatchObject({ reports: [], benches: [exampleBench()] });
    expect(read(collection)).toEqual(collection);
  });

  it('names the place inside a collection', () => {
    const broken = { ...collection, reports: [report, { ...report, seed: 'one' }] };
    expect(refusal(broken, readCollection)).toBe('here/head.json: /reports/1/seed: must be integer');
    const miscounted = { ...report, totals: { ...report.totals, notClaimed: 5 } };
    expect(refusal({ ...collection, reports: [report, miscounted] }, readCollection)).toBe(
      'here/head.json: /reports/1/totals/notClaimed: expected 0, as its cases say, found 5',
    );
    expect(refusal({ ...collection, benches: 1 }, readCollection)).toContain(
      '/benches: expected an array, found 1',
    );
    expect(refusal({ ...collection, version: 7 }, readCollection)).toContain('/version: expected 1, found 7');
  });

  it('refuses a bench report that is none', () => {
    const bench = exampleBench();
    expect(refusal({ ...bench, version: 9 }, readCollection)).toContain('/version: expected 1, found 9');
    const [backend] = bench.backends;
    const broken = { ...bench, backends: [{ ...backend, rows: [{ ...backend.rows[0], copyMs: 0 }] }] };
    expect(refusal(broken, readCollection)).toContain('/backends/0/rows/0/copyMs: must be > 0');
  });
});
