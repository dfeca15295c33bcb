import { type Backend, type BackendFactory, isBackend, isMoeDispatchError } from '@moe-dispatch/core';
import type { ConformanceCase } from './cases/conformance-case.js';
import { errorCases } from './cases/errors/index.js';
import { generatedCases } from './cases/generated/index.js';
import { goldenCases } from './cases/golden.js';
import { randomCases } from './cases/random.js';
import { type FixtureSource, packageFixtures } from './fixtures.js';
import { describeMachine } from './machine.js';
import { detectNativeMemory, type NativeMemory } from './native-memory.js';
import { type CaseResult, type CaseStatus, type ConformanceReport, REPORT_VERSION } from './report.js';
import { type Environment, NotClaimed, Session } from './session.js';

/** Which cases to run, and on what memory. */
export interface ConformanceOptions {
  /** Golden fixtures; default this package's own 36. */
  fixtures?: FixtureSource;
  /** Runs the case of this id, or, where there is none, all cases whose id contains the text. */
  filter?: string;
  /** Seed of the first random case; default 1. The n-th has seed + n. */
  seed?: number;
  /** How many random cases; default 50. */
  random?: number;
  /**
   * Memory for the cases of `backend.wrap`. Default: typed arrays, where the backend wraps those; elsewhere these cases
   * are not claimed.
   */
  native?: NativeMemory;
  /** Called after each case. */
  onCase?: (result: CaseResult, done: number, total: number) => void;
}

/** No case has the filter's text in its id. */
export class NoCaseError extends Error {
  override readonly name = 'NoCaseError';
}

/**
 * Runs the suite. A case that throws has failed; the run goes on.
 * @param target a backend, which stays alive, or a factory, whose backend is disposed at the end. Cases that dispose a
 *   backend need the factory.
 * @throws NoCaseError where the filter matches nothing; what the factory throws.
 */
export async function runConformance(
  target: Backend | BackendFactory,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const cases = collectCases(options);
  const factory = isBackend(target) ? undefined : target;
  const backend = isBackend(target) ? target : await target.create();
  const started = new Date();
  try {
    const environment = makeEnvironment(backend, factory, options);
    const results: CaseResult[] = [];
    for (const conformanceCase of cases) {
      const result = await runCase(conformanceCase, environment);
      results.push(result);
      options.onCase?.(result, results.length, cases.length);
    }
    return makeReport(backend, options, started, results);
  } finally {
    if (factory !== undefined) backend.dispose();
  }
}

const DEFAULT_SEED = 1;
const DEFAULT_RANDOM = 50;

/** The cases that the options ask for. */
export function collectCases(options: ConformanceOptions): ConformanceCase[] {
  const { fixtures = packageFixtures, filter = '', seed = DEFAULT_SEED, random = DEFAULT_RANDOM } = options;
  const all = [...goldenCases(fixtures), ...generatedCases(), ...errorCases(), ...randomCases(seed, random)];
  const exact = all.filter(({ id }) => id === filter);
  const cases = exact.length > 0 ? exact : all.filter(({ id }) => id.includes(filter));
  if (cases.length === 0) throw new NoCaseError(`no case has '${filter}' in its id`);
  return cases;
}

export function makeEnvironment(
  backend: Backend,
  factory: BackendFactory | undefined,
  options: ConformanceOptions,
): Environment {
  return { backend, factory, native: options.native ?? detectNativeMemory(backend) };
}

export async function runCase(
  conformanceCase: ConformanceCase,
  environment: Environment,
): Promise<CaseResult> {
  const { id } = conformanceCase;
  const session = new Session(environment);
  const started = performance.now();
  const finish = (status: CaseStatus, more: Pick<CaseResult, 'error' | 'reason'> = {}): CaseResult => ({
    id,
    status,
    ms: performance.now() - started,
    differences: session.differences,
    ...more,
  });
  try {
    const before = environment.backend.memory();
    try {
      await conformanceCase.run(session);
    } finally {
      session.dispose();
    }
    const after = environment.backend.memory();
    for (const count of ['liveTensors', 'liveBytes'] as const) {
      session.expectValue(
        { case: 'after the case', tensor: `memory().${count}` },
        after[count],
        before[count],
      );
    }
    return finish(session.differences.length === 0 ? 'passed' : 'failed');
  } catch (error) {
    if (error instanceof NotClaimed) return finish('not claimed', { reason: error.message });
    return finish('failed', { error: describeError(error) });
  }
}

function describeError(error: unknown): { name: string; message: string; code?: string } {
  if (!(error instanceof Error) && !isMoeDispatchError(error))
    return { name: 'thrown', message: String(error) };
  const { name, message } = error;
  return isMoeDispatchError(error) ? { name, message, code: error.code } : { name, message };
}

function makeReport(
  backend: Backend,
  options: ConformanceOptions,
  started: Date,
  cases: readonly CaseResult[],
) {
  const count = (status: CaseStatus) => cases.filter((result) => result.status === status).length;
  const { name, device, dtypes, limits } = backend.info;
  const report: ConformanceReport = {
    version: REPORT_VERSION,
    backend: { name, device, dtypes: [...dtypes], limits: { ...limits } },
    machine: describeMachine(),
    started: started.toISOString(),
    complete: true,
    seed: options.seed ?? DEFAULT_SEED,
    totals: {
      passed: count('passed'),
      failed: count('failed'),
      notClaimed: count('not claimed'),
      expectedFailures: count('expected failure'),
    },
    cases,
    errors: [],
  };
  return report;
}
