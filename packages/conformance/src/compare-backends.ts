import { type Backend, type BackendFactory, isBackend } from '@moe-dispatch/core';
import { checkSeed, type RandomCall, randomInputs } from './cases/random-call.js';
import type { Difference } from './compare.js';
import { compareResults, computeResults } from './compare-results.js';
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
  /** False if it was stopped, by `signal` or after 10 failures. */
  readonly complete: boolean;
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
  /** `expected` is A's element, `found` is B's. */
  readonly differences: readonly Difference[];
  /** What one of the two threw. */
  readonly error?: { readonly backend: 'A' | 'B'; readonly message: string };
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
  const started = new Date().toISOString();
  const errors = new UlpHistograms();
  const failures: ComparisonFailure[] = [];
  let [done, notClaimed] = [0, 0];
  const pause = pauses();
  while (done < cases && failures.length < MAX_FAILURES) {
    await pause();
    if (signal?.aborted) break;
    const outcome = await compareSeed(pair, seed + done, errors);
    done += 1;
    const failure = outcome instanceof NotClaimed ? undefined : outcome;
    if (outcome instanceof NotClaimed) notClaimed += 1;
    if (failure !== undefined) failures.push(failure);
    onCase?.(done, cases, failure);
  }
  const failed = failures.length;
  return {
    version: COMPARISON_VERSION,
    backends: [reportedBackend(pair[0]), reportedBackend(pair[1])],
    machine: describeMachine(),
    started,
    complete: done === cases,
    seed,
    totals: { agreed: done - failed - notClaimed, failed, notClaimed },
    failures,
    errors: errors.toReport(),
  };
}

/** @param errors takes those of the seed's call, not those of the smaller ones that are tried after a failure. */
async function compareSeed(
  pair: Pair,
  seed: number,
  errors: UlpHistograms,
): Promise<ComparisonFailure | NotClaimed | undefined> {
  let counted = errors;
  const counterexample = await checkSeed(seed, async (call) => {
    const differences = await compareCall(pair, call, counted).finally(() => {
      counted = new UlpHistograms();
    });
    if (differences.length > 0) throw new Disagreement(differences);
  });
  if (counterexample === undefined) return undefined;
  const { call, error } = counterexample;
  if (error instanceof NotClaimed) return error;
  if (error instanceof Disagreement) return { seed, call, differences: error.differences };
  if (!(error instanceof BackendThrew)) throw error;
  return { seed, call, differences: [], error: { backend: error.backend, message: error.message } };
}

async function compareCall([a, b]: Pair, call: RandomCall, errors: UlpHistograms): Promise<Difference[]> {
  const dtypes = a.info.dtypes.filter((dtype) => b.info.dtypes.includes(dtype));
  const exact = a.info.exact && b.info.exact;
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
    super(String(cause), { cause });
    this.backend = backend;
  }
}
