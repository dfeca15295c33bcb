import type { Difference } from '../src/compare.js';
import {
  type CaseResult,
  type CaseStatus,
  type ConformanceReport,
  type ErrorHistogram,
  REPORT_VERSION,
  type Routing,
} from '../src/report.js';

/** A case as a run would report it; what is given replaces the rest. */
export function exampleCase(id: string, status: CaseStatus, more: Partial<CaseResult> = {}): CaseResult {
  return { id, status, ms: 1.5, differences: status === 'failed' ? [exampleDifference] : [], ...more };
}

export const exampleDifference: Difference = {
  case: 'moeDispatch of x [4, 8], gating [4, 3]',
  tensor: 'topKIndices',
  index: [3, 1],
  expected: '2',
  found: '0',
  count: 5,
};

/** A report whose totals fit its cases. */
export function exampleReport(
  name: string,
  cases: readonly CaseResult[],
  more: Partial<ConformanceReport> = {},
): ConformanceReport {
  const count = (status: CaseStatus) => cases.filter((result) => result.status === status).length;
  return {
    version: REPORT_VERSION,
    backend: {
      name,
      device: `device of ${name}, driver 580.159.04`,
      dtypes: ['float32', 'bfloat16'],
      limits: { maxTensorBytes: 2 ** 32, maxExperts: 65536 },
    },
    machine: { runtime: 'node 20.20.2', platform: 'linux x64' },
    started: '2026-11-23T05:17:12.345Z',
    complete: true,
    seed: 1,
    totals: {
      passed: count('passed'),
      failed: count('failed'),
      notClaimed: count('not claimed'),
      expectedFailures: count('expected failure'),
    },
    cases,
    errors: [],
    ...more,
  };
}

const GROUPS: readonly [group: string, cases: number][] = [
  ['golden', 36],
  ['generated/ties', 60],
  ['generated/experts', 120],
  ['generated/reduce', 240],
  ['errors/moeDispatch', 200],
  ['generated/wrap', 124],
  ['random', 50],
];

/** As large as a real one: 830 cases, half of them with a routing of `tokens` tokens, and error histograms. */
export function fullReport(name: string, tokens = 40): ConformanceReport {
  const cases = GROUPS.flatMap(([group, size]) =>
    Array.from({ length: size }, (_, i) => {
      const ms = ((i * 7919) % 4001) / 100;
      const routing =
        i % 2 === 0 ? { routing: exampleRouting(i + 1, tokens, 8 + (i % 57), 2 + (i % 6)) } : {};
      const id = `${group}/tokens=${i * 16},dtype=bfloat16,k=${i}`;
      return exampleCase(id, 'passed', { ms, ...routing });
    }),
  );
  const errors = ['expertScalesFloat', 'output float32', 'output bfloat16'].map(exampleHistogram);
  return exampleReport(name, cases, { errors });
}

/** Pseudo-random choices, popular experts first. */
export function exampleRouting(seed: number, tokens: number, numExperts: number, topK: number): Routing {
  let state = seed;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const topKIndices = Array.from({ length: tokens }, () => {
    const chosen = new Set<number>();
    while (chosen.size < Math.min(topK, numExperts)) chosen.add(Math.floor(random() ** 1.6 * numExperts));
    return [...chosen];
  });
  return { numExperts, topKIndices };
}

export function exampleHistogram(tensor: string): ErrorHistogram {
  const counts: [number | null, number][] = [
    [0, 1843201],
    [0.5, 431002],
    [1, 20931],
    [2, 804],
    [4, 12],
    [null, 0],
  ];
  return { tensor, buckets: counts.map(([ulp, count]) => ({ ulp, count })), largest: 3.21 };
}
