import { type Backend, type BackendFactory, isBackend } from '@moe-dispatch/core';
import { describeRandomCall } from './cases/describe-call.js';
import {
  type Abilities,
  type Counterexample,
  checkSeed,
  type RandomCall,
  randomInputs,
} from './cases/random-call.js';
import type { Difference } from './compare.js';
import { compareResults, computeResults } from './compare-results.js';
import { errorText } from './describe-error.js';
import { describeMachine } from './machine.js';
import { pauses } from './pauses.js';
import { type ErrorHistogram, type ReportedBackend, reportedBackend } from './report.js';
import { NotClaimed, Session } from './session.js';
import { UlpHistograms } from './ulp-histogram.js';

/** Of the JSON that compareBackends gives. A reader refuses a number that it does not know. */
export const COMPARISON_VERSION = 1;

/** What comparing two backends found. Plain JSON. */
export interface ComparisonReport {
  readonly version: typeof COMPARISON_VERSION;
  /** A and B. */
  readonly backends: readonly [ReportedBackend, ReportedBackend];
  readonly machine: { readonly runtime: string; readonly platform: string };
  /** When the comparison began, ISO 8601. */
  readonly started: string;
  /** False if it was stopped, by `signal`, after 10 failures or because of `error`. */
  readonly complete: boolean;
  /** What kept a backend's process from comparing on. */
  readonly error?: { readonly name: string; readonly message: string };
  readonly seed: number;
  readonly totals: { readonly agreed: number; readonly failed: number; readonly notClaimed: number };
  readonly failures: readonly ComparisonFailure[];
  /** How far B's floats lay from A's. */
  readonly errors: readonly ErrorHistogram[];
}

/** A call on which the two differ, made as small as possible. */
export interface ComparisonFailure {
  readonly seed: number;
  readonly call: RandomCall;
  /** The call in words. */
  readonly description: string;
  /** `expected` is A's element, `found` is B's. */
  readonly differences: readonly Difference[];
  /** What one of the two threw. */
  readonly error?: { readonly backend: 'A' | 'B'; readonly message: string };
}

/** What a comparison knows before its first call. */
export type ComparisonHeader = Pick<ComparisonReport, 'backends' | 'machine'>;

/** What one call gave. */
export interface CallOutcome {
  /** If the two differ, or one of them threw. */
  readonly failure?: ComparisonFailure;
  readonly notClaimed: boolean;
  /** How far B's floats lay from A's. */
  readonly errors: readonly ErrorHistogram[];
}

/** Which random calls to compare two backends on. */
export interface CompareOptions {
  /** How many random calls; default 1000. */
  cases?: number;
  /** Seed of the first call; default 1. The n-th has seed + n. */
  seed?: number;
  /** Ends the comparison after the case at hand. */
  signal?: AbortSignal;
  /** Called after each case, with its failure if it has one. */
  onCase?: (done: number, total: number, failure: ComparisonFailure | undefined) => void;
}

/** So many are enough to see what is wrong, and looking for the smallest call of each takes time. */
const MAX_FAILURES = 10;

/**
 * Gives random calls of every router, dtype and shape to two backends. Every byte must agree, but for weights and sums if one
 * of the two is not exact.
 * @param a a backend, which stays alive, or a factory, whose backend is disposed at the end
 * @throws what a factory throws
 */
export async function compareBackends(
  a: Backend | BackendFactory,
  b: Backend | BackendFactory,
  options: CompareOptions = {},
): Promise<ComparisonReport> {
  const made: Backend[] = [];
  const open = async (target: Backend | BackendFactory) => {
    if (isBackend(target)) return target;
    const backend = await target.create();
    made.push(backend);
    return backend;
  };
  try {
    return await compareOpen([await open(a), await open(b)], options);
  } finally {
    for (const backend of made) backend.dispose();
  }
}

type Pair = readonly [a: Backend, b: Backend];

async function compareOpen(pair: Pair, options: CompareOptions): Promise<ComparisonReport> {
  const { cases = 1000, seed = 1, signal, onCase } = options;
  const results = new ComparisonResults(cases, seed);
  await compareCalls(pair, { cases, seed, ...(signal === undefined ? {} : { signal }) }, async (outcome) => {
    results.add(outcome);
    onCase?.(results.done, cases, outcome.failure);
  });
  return results.report(comparisonHeader(pair));
}

export function comparisonHeader([a, b]: Pair): ComparisonHeader {
  return { backends: [reportedBackend(a), reportedBackend(b)], machine: describeMachine() };
}

/** Adds up what the calls gave. */
export class ComparisonResults {
  /** Calls that have an outcome. */
  done = 0;
  readonly failures: ComparisonFailure[] = [];
  private notClaimed = 0;
  private readonly started = new Date().toISOString();
  private readonly errors = new UlpHistograms();
  private readonly cases: number;
  private readonly seed: number;

  constructor(cases: number, seed: number) {
    this.cases = cases;
    this.seed = seed;
  }

  add({ failure, notClaimed, errors }: CallOutcome): void {
    this.done += 1;
    this.errors.mergeReport(errors);
    if (failure !== undefined) this.failures.push(failure);
    if (notClaimed) this.notClaimed += 1;
  }

  /** @param error what ended the comparison, if something did */
  report(header: ComparisonHeader, error?: ComparisonReport['error']): ComparisonReport {
    const { done, failures, notClaimed } = this;
    const failed = failures.length;
    return {
      version: COMPARISON_VERSION,
      ...header,
      started: this.started,
      complete: done === this.cases && error === undefined,
      ...(error === undefined ? {} : { error }),
      seed: this.seed,
      totals: { agreed: done - failed - notClaimed, failed, notClaimed },
      failures,
      errors: this.errors.toReport(),
    };
  }
}

interface CallsOptions extends Required<Pick<CompareOptions, 'cases' | 'seed'>> {
  readonly signal?: AbortSignal;
  /** Awaited before each call to the backends, also before those that are tried to make a failing one smaller. */
  onAttempt?(): Promise<void>;
}

/** Compares on one call after another, until there are failures enough. */
export async function compareCalls(
  pair: Pair,
  { cases, seed, signal, onAttempt }: CallsOptions,
  onOutcome: (outcome: CallOutcome) => Promise<void>,
): Promise<void> {
  let failed = 0;
  const pause = pauses();
  for (let done = 0; done < cases && failed < MAX_FAILURES; done++) {
    await pause();
    if (signal?.aborted) break;
    const outcome = await compareSeed(pair, seed + done, onAttempt);
    if (outcome.failure !== undefined) failed += 1;
    await onOutcome(outcome);
  }
}

async function compareSeed(
  pair: Pair,
  seed: number,
  onAttempt: CallsOptions['onAttempt'],
): Promise<CallOutcome> {
  const errors = new UlpHistograms();
  // Those of the seed's call count, not those of the smaller ones that are tried after a failure.
  let counted = errors;
  const counterexample = await checkSeed(seed, async (call) => {
    await onAttempt?.();
    const differences = await compareCall(pair, call, counted).finally(() => {
      counted = new UlpHistograms();
    });
    if (differences.length > 0) throw new Disagreement(differences);
  });
  const error = counterexample?.error;
  const notClaimed = error instanceof NotClaimed;
  const failure =
    counterexample === undefined || notClaimed
      ? {}
      : { failure: failureOf(seed, counterexample, describeRandomCall(counterexample.call, sharedBy(pair))) };
  return { ...failure, notClaimed, errors: errors.toReport() };
}

function failureOf(seed: number, { call, error }: Counterexample, description: string): ComparisonFailure {
  const known = { seed, call, description };
  if (error instanceof Disagreement) return { ...known, differences: error.differences };
  if (!(error instanceof BackendThrew)) throw error;
  return { ...known, differences: [], error: { backend: error.backend, message: error.message } };
}

/** What both can do. */
function sharedBy([a, b]: Pair): Abilities {
  return {
    dtypes: a.info.dtypes.filter((dtype) => b.info.dtypes.includes(dtype)),
    exact: a.info.exact && b.info.exact,
  };
}

async function compareCall([a, b]: Pair, call: RandomCall, errors: UlpHistograms): Promise<Difference[]> {
  const { dtypes, exact } = sharedBy([a, b]);
  const inputs = randomInputs(call, { dtypes, exact });
  const compute = (backend: Backend, name: 'A' | 'B') => {
    const session = new Session({ backend, factory: undefined, native: undefined });
    return computeResults(session, inputs).catch((error) => {
      throw error instanceof NotClaimed ? error : new BackendThrew(name, error);
    });
  };
  return compareResults(inputs, await compute(a, 'A'), await compute(b, 'B'), exact, errors);
}

class Disagreement extends Error {
  readonly differences: readonly Difference[];

  constructor(differences: readonly Difference[]) {
    super('the results differ');
    this.differences = differences;
  }
}

class BackendThrew extends Error {
  readonly backend: 'A' | 'B';

  constructor(backend: 'A' | 'B', cause: unknown) {
    super(errorText(cause), { cause });
    this.backend = backend;
  }
}
