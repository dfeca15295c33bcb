import { describe, expect, it } from 'vitest';
import { ConformanceError, parseExpectations, runConformance } from '../src/index.js';
import { reference } from './reference-backend.js';

const LINK = 'https://example.org/issues/7';
/** Wrong for more than one token. */
const faulty = reference({ prefixSumAsCounts: true });

function expectations(...ids: string[]) {
  const expectedFailures = ids.map((id) => ({ id, reason: 'sums', link: LINK }));
  return parseExpectations(JSON.stringify({ expectedFailures }), 'known.json');
}

describe('expected failures', () => {
  it('are neither passed nor failed, and keep what was wrong', async () => {
    const report = await runConformance(faulty, {
      filter: 'generated/tokens/',
      expectations: expectations('generated/tokens/*'),
    });
    expect(report.totals).toEqual({ passed: 0, failed: 0, notClaimed: 0, expectedFailures: 15 });
    expect(report.cases[3]).toMatchObject({ status: 'expected failure', reason: 'sums', link: LINK });
    expect(report.cases[3].differences.length).toBeGreaterThan(0);
  });

  it('fail when they pass, with the file to edit', async () => {
    const report = await runConformance(reference(), {
      filter: 'generated/tokens/',
      expectations: expectations('generated/tokens/t=33'),
    });
    expect(report.totals).toMatchObject({ passed: 14, failed: 1, expectedFailures: 0 });
    const { error } = report.cases.find(({ status }) => status === 'failed')!;
    expect(error).toEqual({
      name: 'UnexpectedPass',
      message:
        "it passes, but known.json expects it to fail (sums): remove or narrow its entry 'generated/tokens/t=33' there",
    });
  });

  it('cover their ids alone', async () => {
    const report = await runConformance(faulty, {
      filter: 'generated/tokens/',
      expectations: expectations('generated/tokens/t=33', 'random/seed=77', 'random/*'),
    });
    expect(report.totals).toMatchObject({ failed: 14, expectedFailures: 1 });
  });

  it('leave what is not claimed as it is', async () => {
    const limits = { maxTensorBytes: 2 ** 30, maxExperts: 2 };
    const report = await runConformance(reference({}, { limits }), {
      filter: 'generated/tokens/',
      expectations: expectations('generated/tokens/*'),
    });
    expect(report.totals).toMatchObject({ notClaimed: 15, expectedFailures: 0 });
  });

  it('must name a case, whatever the filter', async () => {
    const options = { filter: 'generated/tokens/t=1', expectations: expectations('golden/*', 'golden/none') };
    await expect(runConformance(reference(), options)).rejects.toThrow(
      "known.json: expectedFailures[1]: no case is 'golden/none'",
    );
  });
});

describe('an expectation file', () => {
  const entry = { id: 'golden/*', reason: 'r', link: LINK };
  const list = (...expectedFailures: unknown[]) => JSON.stringify({ expectedFailures });
  it.each([
    ['', 'f.json: not JSON: '],
    ['[]', 'f.json: expected { "expectedFailures": ['],
    ['{"expectedFailures":{}}', 'f.json: expected { "expectedFailures": ['],
    [JSON.stringify({ expectedFailures: [], more: 1 }), 'f.json: expected { "expectedFailures": ['],
    [list(entry, 'golden/*'), 'f.json: expectedFailures[1]: expected an object, found "golden/*"'],
    [list({ ...entry, id: 3 }), 'f.json: expectedFailures[0].id: expected a text, found 3'],
    [list({ ...entry, reason: ' ' }), 'f.json: expectedFailures[0].reason: expected a text, found " "'],
    [list({ id: 'a', reason: 'b' }), 'f.json: expectedFailures[0].link: expected a text, found undefined'],
    [list({ ...entry, link: 'no URL' }), "f.json: expectedFailures[0].link: expected a URL, found 'no URL'"],
    [list({ ...entry, until: 'x' }), 'f.json: expectedFailures[0].until: no such field'],
    [list({ ...entry, id: 'g*/x' }), "f.json: expectedFailures[0].id: expected '*' at the end only"],
  ])('%s is refused', (text, message) => {
    const parse = () => parseExpectations(text, 'f.json');
    expect(parse).toThrow(ConformanceError);
    expect(parse).toThrow(message);
  });
});
