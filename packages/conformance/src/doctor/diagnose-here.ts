import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMoeDispatchError } from '@moe-dispatch/core';
import { CaseRunner } from '../case-runner.js';
import { describeError } from '../describe-error.js';
import { loadBackend, moduleName } from '../load-backend.js';
import { loadKit } from '../load-kit.js';
import { locateModule, packageAround } from '../module-location.js';
import { formatFailure } from '../report-text.js';
import { collectCases } from '../run.js';
import { DEFAULT_TIMEOUT } from '../time-limit.js';
import type { Diagnosis, Problem } from './diagnosis.js';

/** The example of Paddle's documentation. */
const CASE = 'golden/doc-example-softmax';

/** Looks at a backend in this process, which it may crash. */
export async function diagnose(backend: string): Promise<Diagnosis> {
  const url = findModule(backend);
  if (url === undefined) {
    const name = moduleName(backend);
    const isPackage = /^[@a-z]/.test(name);
    const problem = {
      found: `no such ${isPackage ? 'package' : 'file'}, from ${process.cwd()}`,
      remedy: isPackage ? `npm install ${name}` : 'another path',
    };
    return { backend, installed: false, works: false, problem };
  }
  const version = packageAround(url)?.json.version;
  const known = { backend, installed: true, ...(version === undefined ? {} : { version }) };
  try {
    return { ...known, ...(await tryBackend(backend)) };
  } catch (error) {
    return { ...known, works: false, problem: problemOf(error) };
  }
}

function findModule(backend: string): string | undefined {
  try {
    const url = locateModule(moduleName(backend));
    return existsSync(fileURLToPath(url)) ? url : undefined;
  } catch {
    return undefined;
  }
}

async function tryBackend(
  backend: string,
): Promise<Pick<Diagnosis, 'works' | 'device' | 'driver' | 'problem'>> {
  const runner = await CaseRunner.create(await loadBackend(backend), await loadKit(backend));
  const { device, driver } = runner.header.backend;
  const known = { device, ...(driver === undefined ? {} : { driver }) };
  const [example] = collectCases({ filter: CASE });
  // Without a signal, a run has an outcome.
  const { result } = (await runner.run(example, DEFAULT_TIMEOUT))!;
  if (result.status === 'passed') return { works: true, ...known };
  const found =
    result.status === 'failed'
      ? `it fails a case that every backend passes: ${formatFailure(result)}`
      : `it does not claim what the smallest example needs: ${result.reason}`;
  const problem = {
    found,
    remedy: `see what else fails: moe-conformance run --backend ${backend}`,
  };
  return { works: false, ...known, problem };
}

function problemOf(error: unknown): Problem {
  if (isMoeDispatchError(error)) return { code: error.code, found: error.found, remedy: error.expected };
  return { found: describeError(error).message, remedy: "see the backend's documentation" };
}
