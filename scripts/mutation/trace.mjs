// Runs all cases on a backend as it is, and keeps how long each took and what it launched.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { collectCases } from '../../packages/conformance/dist/run.js';
import { SuiteRunner } from './suite-runner.mjs';

/**
 * By way, as JSON, the cases: `{ id, ms, seen }`, the quickest first. They are kept in `folder`, as lines of JSON: a trace of
 * the same bundle is used again, and goes on where it ended.
 * @throws where the backend as it is fails a case
 */
export async function traceCases({ checks, caseMs }, bundle, folder) {
  mkdirSync(folder, { recursive: true });
  const traces = {};
  for (const way of checks) {
    const hash = createHash('sha256').update(readFileSync(bundle)).update(JSON.stringify(way));
    const file = `${folder}${hash.digest('hex').slice(0, 16)}.jsonl`;
    const known = new Set(readTrace(file).map(({ id }) => id));
    const ids = collectCases({}).map(({ id }) => id);
    const lacking = ids.filter((id) => isOf(way, id) && !known.has(id));
    await runCases(bundle, way, lacking, 10 * caseMs, file);
    const cases = readTrace(file).filter(({ id }) => ids.includes(id) && isOf(way, id));
    const seconds = Math.round(cases.reduce((sum, { ms }) => sum + ms, 0) / 1000);
    console.log(
      `${JSON.stringify(way)}: ${cases.length} cases in ${seconds} s, ${lacking.length} of them now`,
    );
    traces[JSON.stringify(way)] = cases.sort((a, b) => a.ms - b.ms);
  }
  return traces;
}

function isOf({ only }, id) {
  return only === undefined || new RegExp(only).test(id);
}

function readTrace(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

async function runCases(bundle, way, ids, caseMs, file) {
  if (ids.length === 0) return;
  const runner = new SuiteRunner(caseMs, bundle);
  const keep = ({ passed: id, ms, seen }) => appendFileSync(file, `${JSON.stringify({ id, ms, seen })}\n`);
  const { killedBy } = await runner.ask({ bundle, control: bundle, way, cases: ids }, keep);
  runner.close();
  if (killedBy !== '') throw new Error(`without a mutation the suite fails: ${killedBy}`);
}
