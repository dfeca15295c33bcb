import type { FloatDType } from '@moe-dispatch/core';
import { clampToRange, FLOAT_FORMATS, roundTo, ulpOf } from './float-formats.js';
import type { ErrorHistogram } from './report.js';

/** Upper ends of the buckets, in ULP. 0 is the correctly rounded value itself; the last bucket has no upper end. */
const ENDS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, null] as const;

interface Counts {
  readonly buckets: number[];
  largest: number;
}

/** Counts errors by result, e.g. `expertScalesFloat` or `output bfloat16`. */
export class UlpHistograms {
  private readonly byTensor = new Map<string, Counts>();

  /**
   * Counts one element.
   * @param exact the right value in float64, not rounded to the dtype
   * @param found a value of the dtype
   */
  add(tensor: string, dtype: FloatDType, exact: number, found: number): void {
    const error = ulpError(dtype, exact, found);
    if (Number.isNaN(error)) return;
    const counts = this.countsOf(tensor);
    counts.buckets[bucketOf(error)] += 1;
    counts.largest = Math.max(counts.largest, error);
  }

  merge(other: UlpHistograms): void {
    for (const [tensor, { buckets, largest }] of other.byTensor) {
      const counts = this.countsOf(tensor);
      buckets.forEach((count, i) => {
        counts.buckets[i] += count;
      });
      counts.largest = Math.max(counts.largest, largest);
    }
  }

  /** Takes what another one's toReport gave. */
  mergeReport(histograms: readonly ErrorHistogram[]): void {
    for (const { tensor, buckets, largest } of histograms) {
      const counts = this.countsOf(tensor);
      buckets.forEach(({ count }, i) => {
        counts.buckets[i] += count;
      });
      counts.largest = Math.max(counts.largest, largest);
    }
  }

  /** Sorted by result, so that equal runs give equal reports. */
  toReport(): ErrorHistogram[] {
    const entries = [...this.byTensor].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([tensor, { buckets, largest }]) => ({
      tensor,
      buckets: buckets.map((count, i) => ({ ulp: ENDS[i], count })),
      largest,
    }));
  }

  private countsOf(tensor: string): Counts {
    let counts = this.byTensor.get(tensor);
    if (counts === undefined) {
      counts = { buckets: ENDS.map(() => 0), largest: 0 };
      this.byTensor.set(tensor, counts);
    }
    return counts;
  }
}

/**
 * How far `found` lies from the correctly rounded value, in units of that value's last place. Infinity counts as the
 * number after the largest finite one. NaN if one of the two is NaN, which has no distance.
 */
export function ulpError(dtype: FloatDType, exact: number, found: number): number {
  const format = FLOAT_FORMATS[dtype];
  const rounded = roundTo(format, exact);
  if (rounded === found) return 0;
  const distance = Math.abs(clampToRange(format, found) - clampToRange(format, rounded));
  return distance / ulpOf(format, Math.min(Math.abs(rounded), format.maxFinite));
}

function bucketOf(error: number): number {
  return ENDS.findIndex((end) => end === null || error <= end);
}
