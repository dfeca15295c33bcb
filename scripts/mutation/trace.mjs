// Runs all cases on a backend as it is, and keeps how long each took and what it launched.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { collectCases } from '../../packages/conformance/dist/run.js';
import { SuiteRunner } from './suite-runner.mjs';

/**
 * By way, as JSON, the cases: `{ id, ms, seen }`, the quickest first. A trace of the same bundle, in `folder`, is used
 * again; cases that it lacks are run.
 * @throws where the backend as it is fails a case
 */
export async function traceCases({ checks, caseMs }, bundle, folder) {
  const key = createHash('sha256').update(readFileSync(bundle)).digest('hex').slice(0, 16);
  mkdirSync(folder, { recursive: true });
  const traces = {};
  for (const [number, way] of checks.entries()) {
    const file = `${folder}${key}-${number}.json`;
    const known = readTrace(file);
    const lacking = collectCases({})
      .map(({ id }) => id)
      .filter((id) => isOf(way, id) && !known.some((each) => each.id === id));
    const cases = [...known, ...(await runCases(bundle, way, lacking, caseMs))].sort((a, b) => a.ms - b.ms);
    writeFileSync(file, JSON.stringify(cases));
    const seconds = Math.round(cases.reduce((sum, { ms }) => sum + ms, 0) / 1000);
    console.log(`${JSON.stringify(way)}: ${cases.length} cases in ${seconds} s, ${lacking.length} of them now`);
    traces[JSON.stringify(way)] = cases;
  }
  return traces;
}

function isOf({ only }, id) {
  return only === undefined || new RegExp(only).test(id);
}

function readTrace(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

async function runCases(bundle, way, ids, caseMs) {
  if (ids.length === 0) return [];
  const runner = new SuiteRunner(10 * caseMs, bundle);
  const { killedBy, passed } = await runner.ask({ bundle, control: bundle, way, cases: ids });
  runner.close();
  if (killedBy !== '') throw new Error(`without a mutation the suite fails: ${killedBy}`);
  return passed.map(({ passed: id, ms, seen }) => ({ id, ms, seen }));
}
