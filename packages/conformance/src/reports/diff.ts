import type { CaseResult, CaseStatus, ConformanceReport } from '../report.js';

/** One case in two reports of the same suite. */
export interface Change {
  readonly id: string;
  /** `vanished` (base) or `new` (head): not in that report. */
  readonly before: CaseStatus | 'new';
  readonly after: CaseStatus | 'vanished';
  /** The case in the head. */
  readonly result?: CaseResult;
}

export interface ReportDiff {
  /** Passed in the base; in the head failed, expected to fail or gone. */
  readonly regressions: readonly Change[];
  /** Passed in the base, and not claimed in the head. */
  readonly noLongerClaimed: readonly Change[];
  /** Failed in the head; in the base new, not claimed or expected to fail. */
  readonly newFailures: readonly Change[];
  /** Failed in the base as well. */
  readonly stillFailing: readonly Change[];
  /** Did not pass in the base, and passes. */
  readonly fixed: readonly Change[];
  /** Not in the base. */
  readonly added: readonly Change[];
}

/** What changed from `base` to `head`, case by case. */
export function diffReports(base: ConformanceReport, head: ConformanceReport): ReportDiff {
  const before = new Map(base.cases.map((result) => [result.id, result]));
  const after = new Map(head.cases.map((result) => [result.id, result]));
  const ids = new Set([...before.keys(), ...after.keys()]);
  const changes = Array.from(ids, (id): Change => {
    const result = after.get(id);
    return {
      id,
      before: before.get(id)?.status ?? 'new',
      after: result?.status ?? 'vanished',
      ...(result === undefined ? {} : { result }),
    };
  });
  const select = (test: (change: Change) => boolean) => changes.filter(test);
  return {
    regressions: select(
      ({ before, after }) => before === 'passed' && after !== 'passed' && after !== 'not claimed',
    ),
    noLongerClaimed: select(({ before, after }) => before === 'passed' && after === 'not claimed'),
    newFailures: select(
      ({ before, after }) => before !== 'passed' && before !== 'failed' && after === 'failed',
    ),
    stillFailing: select(({ before, after }) => before === 'failed' && after === 'failed'),
    fixed: select(({ before, after }) => before !== 'passed' && before !== 'new' && after === 'passed'),
    added: select((change) => change.before === 'new' && change.after !== 'failed'),
  };
}
