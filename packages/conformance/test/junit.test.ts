import { SaxesParser } from 'saxes';
import { expect, it } from 'vitest';
import { formatJUnit } from '../src/reports/junit.js';
import { exampleCase, exampleReport } from './example-report.js';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

/** All elements in order; a strict parser throws for what is not well-formed. */
function parse(xml: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, text: '' };
    elements.push(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    if (open.length > 0) open[open.length - 1].text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(xml).close();
  return elements;
}

const report = exampleReport('cpu', [
  exampleCase('golden/a', 'passed', { ms: 1500 }),
  exampleCase('generated/ties/k=3', 'failed'),
  exampleCase('generated/ties/k=4', 'failed', {
    differences: [],
    error: { name: 'DeviceError', code: 'DEVICE_LOST', message: 'gone' },
  }),
  exampleCase('generated/wrap/inputs', 'not claimed', { reason: 'wrap: no `native` memory was given' }),
  exampleCase('random/seed=7', 'expected failure', {
    reason: 'subnormals',
    link: 'https://example.org/issue/1',
  }),
]);

it('counts tests, failures and what was skipped, by group and in all', () => {
  const elements = parse(formatJUnit(report));
  expect(elements[0]).toMatchObject({
    name: 'testsuites',
    attributes: { tests: '5', failures: '2', errors: '0', skipped: '2' },
  });
  const suites = elements.filter(({ name }) => name === 'testsuite').map(({ attributes }) => attributes);
  expect(suites.map(({ name, tests, failures, skipped }) => [name, tests, failures, skipped])).toEqual([
    ['cpu: generated/ties', '2', '2', '0'],
    ['cpu: golden', '1', '0', '0'],
    ['cpu: generated/wrap', '1', '0', '1'],
    ['cpu: random', '1', '0', '1'],
  ]);
  expect(suites[1]).toMatchObject({ time: '1.500000', timestamp: '2026-11-23T05:17:12' });
});

it('gives each case a class and a name, its differences or the thrown error, or why it was skipped', () => {
  const elements = parse(formatJUnit(report, './cpu.js'));
  const cases = elements.filter(({ name }) => name === 'testcase').map(({ attributes }) => attributes);
  expect(cases[0]).toMatchObject({ classname: 'cpu.generated.ties', name: 'generated/ties/k=3' });
  const [first, second] = elements.filter(({ name }) => name === 'failure');
  expect(first.text).toContain('topKIndices[3, 1]: expected 2, found 0 (5 wrong in all)');
  expect(first.text).toContain(
    'repeat: npx moe-conformance run --backend ./cpu.js --filter generated/ties/k=3',
  );
  expect(first.attributes.message).toContain('topKIndices[3, 1]: expected 2, found 0');
  expect(second.attributes).toEqual({ type: 'DeviceError', message: 'threw DeviceError DEVICE_LOST: gone' });
  const skipped = elements
    .filter(({ name }) => name === 'skipped')
    .map(({ attributes }) => attributes.message);
  expect(skipped).toEqual([
    'not claimed: wrap: no `native` memory was given',
    'expected failure: subnormals https://example.org/issue/1',
  ]);
});

it('stays well-formed, whatever a message holds', () => {
  const message = `<b a="1">&amp; ]]> \u0000\u001b[31m\ud800 \ufffe 😀\r\n\t'`;
  const cases = [
    exampleCase('golden/"<&>', 'failed', { differences: [], error: { name: message, message } }),
  ];
  const hostile = exampleReport(message, cases);
  const [suites, , testCase, failure] = parse(formatJUnit(hostile));
  const shown = `<b a="1">&amp; ]]> \\u0000\\u001b[31m\\ud800 \\ufffe 😀 '`;
  expect(suites.attributes.name).toContain(shown);
  expect(testCase.attributes.name).toBe('golden/"<&>');
  expect(failure.attributes.type).toBe(shown);
  expect(failure.text).toContain(shown);
});
