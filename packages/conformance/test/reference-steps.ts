import type { DType } from '@moe-dispatch/core';

export interface Pair {
  expert: number;
  token: number;
  choice: number;
}

/** What the reference backend does at each step of the contract. */
export interface Steps {
  /** A gating value, and its bits, cleaned of NaN and infinities. */
  clean(value: number, bits: number): number;
  choose(row: readonly number[], count: number): number[];
  chooseGroups(row: readonly number[], groups: number, steps: Steps): number[];
  softmax(values: readonly number[]): number[];
  gatingScale(value: number): number;
  order(pairs: Pair[]): Pair[];
  /** The row of the pair in this position. */
  rowOf(position: number): number;
  copyRow(source: Uint8Array, target: Uint8Array, offset: number, token: number, dtype: DType): void;
  /** The weights of a token's choices. */
  weigh(scales: readonly number[], norm: boolean, factor: number): number[];
  addTerm(sum: number, weight: number, value: number, bias: number): number;
  /** After the last term. */
  finish(sum: number, scales: readonly number[], norm: boolean): number;
  roundResult(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
  // Faults that are no step of their own.
  prefixSumAsCounts?: boolean;
  /** Choices that are no experts are left out of the plan. */
  unchecked?: boolean;
  wrapCopies?: boolean;
  readShares?: boolean;
  disposeClears?: boolean;
}

/** In float32, in order. */
export const sumOf = (scales: readonly number[]) => scales.reduce((sum, scale) => Math.fround(sum + scale));

const MAX = 3.4028234663852886e38;

export const STEPS: Steps = {
  clean: (value) => Math.min(Math.max(Number.isNaN(value) ? -MAX : value, -MAX), MAX),
  // Array.sort is stable: equal values stay in the order of their experts.
  choose: (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count),
  chooseGroups: (row, groups, steps) =>
    Array.from({ length: groups }, (_, group) => {
      const size = row.length / groups;
      return group * size + steps.choose(row.slice(group * size, (group + 1) * size), 1)[0];
    }),
  softmax(values) {
    let max = values[0];
    for (const value of values) if (value > max) max = value;
    const terms = values.map((value) => Math.exp(value - max));
    const sum = terms.reduce((a, b) => a + b);
    return terms.map((term) => term / sum);
  },
  gatingScale: (value) => value,
  order(pairs) {
    const buckets: Pair[][] = [];
    for (const pair of pairs) {
      buckets[pair.expert] ??= [];
      buckets[pair.expert].push(pair);
    }
    return buckets.flat();
  },
  rowOf: (position) => position,
  copyRow: (source, target, offset) => target.set(source, offset),
  weigh(scales, norm, factor) {
    const sum = sumOf(scales);
    const share = (scale: number) => (sum === 0 ? 0 : Math.fround(scale / sum));
    return scales.map((scale) => Math.fround((norm ? share(scale) : scale) * Math.fround(factor)));
  },
  addTerm: (sum, weight, value, bias) => Math.fround(sum + Math.fround(weight * Math.fround(value + bias))),
  finish: (sum) => sum,
  roundResult: (values) => values,
};
