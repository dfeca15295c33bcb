import type { Backend, BackendFactory } from '@moe-dispatch/core';
import { CaseRunner } from './case-runner.js';
import type { ConformanceCase } from './cases/conformance-case.js';
import { contractCases } from './cases/contract/index.js';
import { errorCases } from './cases/errors/index.js';
import { goldenCases } from './cases/golden.js';
import { randomCases } from './cases/random.js';
import { recordedCases } from './cases/recorded.js';
import { ConformanceError } from './conformance-error.js';
import { applyExpectations, checkExpectations, type Expectations } from './expectations.js';
import { type FixtureSource, packageFixtures, routerFixtures } from './fixtures.js';
import type { ConformanceKit } from './kit.js';
import { levelsByGroup } from './levels/levels.js';
import { pauses } from './pauses.js';
import { type CaseResult, type ConformanceReport, countTotals, REPORT_VERSION } from './report.js';
import { groupOf } from './reports/matrix.js';
import { BACKEND_LIMIT, DEFAULT_TIMEOUT, withTimeLimit } from './time-limit.js';
import { UlpHistograms } from './ulp-histogram.js';

/** Which cases, and with which data. */
export interface CaseSelection {
  /** Golden fixtures; default this package's own 36, and the routers of 63 models. */
  fixtures?: FixtureSource;
  /** Runs the case of this id or, if there is none, all cases whose id contains the text. */
  filter?: string;
  /** Seed of the first random case; default 1. The n-th has seed + n. */
  seed?: number;
  /** How many random cases; default 50. */
  random?: number;
  /** Cases that are known to fail (parseExpectations). */
  expectations?: Expectations;
}

export interface ConformanceOptions extends CaseSelection, ConformanceKit {
  /**
   * How long a case may take, in milliseconds; default 30,000. An endless loop without an `await` cannot be stopped from
   * here: `moe-conformance run`, which uses a separate process, can.
   */
  timeout?: number;
  /**
   * Ends the run at once. The report has `complete: false` and the results so far; before there is a backend, there is no
   * report, but a ConformanceError.
   */
  signal?: AbortSignal;
  /** Called after each case. */
  onCase?: (result: CaseResult, done: number, total: number) => void;
}

/** No case has the filter's text in its id. */
export class NoCaseError extends ConformanceError {
  override readonly name = 'NoCaseError';
}

/**
 * Runs the suite. A case that throws or takes too long has failed; the run goes on, on a new backend if the device
 * was lost.
 * @param target a backend, which stays alive, or a factory, whose backend is disposed at the end. Cases that dispose a
 *   backend need the factory.
 * @throws ConformanceError if the filter matches nothing (NoCaseError), the expectations are wrong, or
 *   there is no backend within two minutes or before `signal`; what the factory throws.
 */
export async function runConformance(
  target: Backend | BackendFactory,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const { timeout = DEFAULT_TIMEOUT, signal, expectations, onCase } = options;
  const cases = collectCases(options);
  const started = new Date();
  const results: CaseResult[] = [];
  const errors = new UlpHistograms();
  const pause = pauses();
  const runner = await createRunner(target, options);
  try {
    for (const conformanceCase of cases) {
      await pause();
      if (signal?.aborted) break;
      const outcome = await runner.run(conformanceCase, timeout, signal);
      if (outcome === undefined) break;
      errors.merge(outcome.errors);
      results.push(applyExpectations(outcome.result, expectations));
      onCase?.(results[results.length - 1], results.length, cases.length);
    }
  } finally {
    runner.dispose();
  }
  const { seed } = options;
  return makeReport({ ...runner.header, started, cases: results, total: cases.length, seed, errors });
}

async function createRunner(
  target: Backend | BackendFactory,
  options: ConformanceOptions,
): Promise<CaseRunner> {
  const creating = CaseRunner.create(target, options);
  const runner = await withTimeLimit(creating, BACKEND_LIMIT, options.signal);
  if (typeof runner === 'object') return runner;
  // One that comes too late is of no use to anybody.
  creating.then(
    (late) => late.dispose(),
    () => {},
  );
  throw new ConformanceError(
    runner === 'aborted' ? 'ended before there was a backend' : `no backend within ${BACKEND_LIMIT / 1000} s`,
  );
}

export const DEFAULT_SEED = 1;
export const DEFAULT_RANDOM = 50;

/**
 * The cases that the options ask for.
 * @throws NoCaseError; ConformanceError if an expectation names no case.
 */
export function collectCases(options: CaseSelection): ConformanceCase[] {
  const { fixtures, filter = '', seed = DEFAULT_SEED, random = DEFAULT_RANDOM } = options;
  const golden =
    fixtures === undefined
      ? [...goldenCases(packageFixtures), ...recordedCases(routerFixtures)]
      : goldenCases(fixtures);
  const all = [...golden, ...contractCases(), ...errorCases(), ...randomCases(seed, random)];
  if (options.expectations !== undefined) {
    checkExpectations(
      options.expectations,
      all.map(({ id }) => id),
    );
  }
  const exact = all.filter(({ id }) => id === filter);
  const cases = exact.length > 0 ? exact : all.filter(({ id }) => id.includes(filter));
  if (cases.length === 0) throw new NoCaseError(`no case has '${filter}' in its id`);
  return cases;
}

interface ReportParts extends Pick<ConformanceReport, 'backend' | 'machine' | 'cases'> {
  readonly started: Date;
  /** Cases that were asked for. */
  readonly total: number;
  readonly seed: number | undefined;
  readonly errors: UlpHistograms;
}

export function makeReport({
  backend,
  machine,
  started,
  cases,
  total,
  seed,
  errors,
}: ReportParts): ConformanceReport {
  return {
    version: REPORT_VERSION,
    backend,
    machine,
    started: started.toISOString(),
    complete: cases.length === total,
    seed: seed ?? DEFAULT_SEED,
    totals: countTotals(cases),
    cases,
    errors: errors.toReport(),
    levels: levelsByGroup(cases, groupOf),
  };
}
