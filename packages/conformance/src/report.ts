import type { Backend, BackendInfo, DType } from '@moe-dispatch/core';
import type { OperationName } from '@moe-dispatch/core/backend';
import type { Difference } from './compare.js';
import type { Agreement, GroupLevel, Level } from './levels/levels.js';

/** Of the JSON below. A reader refuses a number that it does not know; fields may be added without a new one. */
export const REPORT_VERSION = 1;

/**
 * `expected failure`: failed, and an expectation file says so. A case that passes although one says that it fails, has
 * failed.
 */
export type CaseStatus = 'passed' | 'failed' | 'not claimed' | 'expected failure';

/** What one run of the suite found. Plain JSON. */
export interface ConformanceReport {
  readonly version: typeof REPORT_VERSION;
  readonly backend: ReportedBackend;
  /** Where it ran, e.g. `{ runtime: 'node 20.20.2', platform: 'linux x64' }`. */
  readonly machine: { readonly runtime: string; readonly platform: string };
  /** When the run began, ISO 8601. */
  readonly started: string;
  /** False if the run was stopped before its last case. */
  readonly complete: boolean;
  readonly seed: number;
  readonly totals: ReportTotals;
  readonly cases: readonly CaseResult[];
  /** How far the floats of all cases together lay from the oracle, by result. */
  readonly errors: readonly ErrorHistogram[];
  /** How near the backend comes, group by group (docs/levels.md). */
  readonly levels?: readonly GroupLevel[];
}

/** The backend that was tested: its `info`, which is what the run held it to. */
export interface ReportedBackend {
  readonly name: string;
  readonly device: string;
  readonly dtypes: readonly DType[];
  readonly limits: { readonly [name: string]: number | undefined };
  /** The operations that it implements. */
  readonly operations?: BackendInfo['operations'];
  readonly wrap?: boolean;
  /** Whether its sums have to agree in every bit. */
  readonly exact?: boolean;
  /** The driver behind the device and its version, if known. */
  readonly driver?: string;
  /** The level that it declares, where that is not the one that `exact` says. */
  readonly level?: Level;
}

/** One that could not be asked, because a command ended before there was a backend. */
export function unknownBackend(module: string): ReportedBackend {
  return { name: module, device: 'unknown', dtypes: [], limits: {} };
}

export function reportedBackend({ info }: Backend): ReportedBackend {
  const { name, device, dtypes, limits, operations, wrap, exact } = info;
  return {
    name,
    device,
    dtypes: [...dtypes],
    limits: { ...limits },
    operations: [...operations],
    wrap,
    exact,
  };
}

/** How many cases came to which end. */
export interface ReportTotals {
  readonly passed: number;
  readonly failed: number;
  readonly notClaimed: number;
  readonly expectedFailures: number;
}

/** The totals of a report with these cases. */
export function countTotals(cases: readonly CaseResult[]): ReportTotals {
  const count = (status: CaseStatus) => cases.filter((result) => result.status === status).length;
  return {
    passed: count('passed'),
    failed: count('failed'),
    notClaimed: count('not claimed'),
    expectedFailures: count('expected failure'),
  };
}

/** What one case found. */
export interface CaseResult {
  readonly id: string;
  readonly status: CaseStatus;
  /** Time that it took, in milliseconds. */
  readonly ms: number;
  /** What was wrong in the results. */
  readonly differences: readonly Difference[];
  /** Stages that could not be judged, because what the stage before gave them was not well-formed. */
  readonly notJudged?: readonly NotJudged[];
  /** What was thrown. */
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string };
  /** Why the case is not claimed, or is expected to fail. */
  readonly reason?: string;
  /** Where the expected failure is discussed. */
  readonly link?: string;
  /** The experts that the case's first dispatch chose, of a case small enough to draw. */
  readonly routing?: Routing;
  /** What its calls reach. */
  readonly agreement?: Agreement;
}

/** A stage that could not be judged. */
export interface NotJudged {
  readonly operation: OperationName;
  readonly reason: string;
}

/** For a picture of tokens × experts. */
export interface Routing {
  readonly numExperts: number;
  /** [T][K], as the backend chose them. */
  readonly topKIndices: readonly (readonly number[])[];
}

/** Errors in units of the last place of the correctly rounded value. */
export interface ErrorHistogram {
  /** e.g. `expertScalesFloat`, `output bfloat16` */
  readonly tensor: string;
  /** How many elements have an error of at most `ulp`, and more than the bucket before; the last has no upper end. */
  readonly buckets: readonly { readonly ulp: number | null; readonly count: number }[];
  readonly largest: number;
}
