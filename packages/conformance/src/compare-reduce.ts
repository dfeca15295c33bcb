import type { ArrayOf, FloatDType } from '@moe-dispatch/core';
import { paddleBound, pairBound, sumBound } from './bounds.js';
import {
  collect,
  compareArray,
  type Difference,
  formatElement,
  formatNumber,
  type Place,
} from './compare.js';
import { clampToRange, decode, FLOAT_FORMATS, roundTo, ulpOf } from './float-formats.js';
import type { HostTensor } from './host-tensor.js';
import type { ExpectedReduce } from './oracle-reduce.js';

/**
 * Every bit must agree, but for those of NaNs.
 * @param exact false for a backend whose sums may lie within the suite's bound instead
 */
export function compareReduce(
  place: Place,
  found: ArrayOf<FloatDType>,
  expected: ExpectedReduce,
  exact = true,
): Difference[] {
  const { exact: values, shape, dtype } = expected;
  const wrongArray = compareArray(place, found, dtype, values.length);
  if (wrongArray) return [wrongArray];
  const decoded = decode(dtype, found);
  const differs = (i: number) =>
    !Object.is(decoded[i], values[i]) && (exact || !withinBound(expected, i, decoded[i]));
  return collect(place, shape, values.length, differs, (i) => ({
    expected: exact ? formatNumber(values[i]) : formatBound(expected, i),
    found: formatElement(dtype, found, i),
  }));
}

/**
 * A sum within sumBound, rounded once to the dtype: it must lie between the roundings of both ends, so that an error that
 * crosses a rounding boundary is allowed its full step, and overflow to infinity exactly when it can happen.
 */
export function reduceBound(expected: ExpectedReduce, i: number): [low: number, high: number] {
  const format = FLOAT_FORMATS[expected.dtype];
  const error = sumBound(expected.magnitudes[i], expected.topK);
  return [roundTo(format, expected.values[i] - error), roundTo(format, expected.values[i] + error)];
}

function withinBound(expected: ExpectedReduce, i: number, found: number): boolean {
  const value = expected.values[i];
  if (!Number.isFinite(value)) return Object.is(found, value);
  const [low, high] = reduceBound(expected, i);
  return found >= low && found <= high;
}

function formatBound(expected: ExpectedReduce, i: number): string {
  const value = expected.values[i];
  return Number.isFinite(value) ? `${value}, rounded: ${reduceBound(expected, i).join(' to ')}` : `${value}`;
}

/**
 * Two backends' sums. Every bit must agree, but for those of NaNs, unless one of the two is not exact: then each lies
 * within reduceBound and was rounded once.
 * @param expected for the magnitudes of the terms
 * @param exact whether both are
 */
export function compareReducePair(
  place: Place,
  found: ArrayOf<FloatDType>,
  other: HostTensor<FloatDType>,
  expected: ExpectedReduce,
  exact = true,
): Difference[] {
  const { data, shape, dtype } = other;
  const format = FLOAT_FORMATS[dtype];
  const [a, b] = [decode(dtype, data), decode(dtype, found)];
  const bounds = (i: number) => {
    const value = clampToRange(format, a[i]);
    const error = pairBound(expected.magnitudes[i], expected.topK, ulpOf(format, value));
    return [roundTo(format, value - error), roundTo(format, value + error)];
  };
  const differs = (i: number) => {
    if (Object.is(a[i], b[i])) return false;
    const [low, high] = bounds(i);
    return exact || !(b[i] >= low && b[i] <= high);
  };
  return collect(place, shape, a.length, differs, (i) => ({
    expected: `${formatElement(dtype, data, i)}${exact ? '' : `, so ${bounds(i).join(' to ')}`}`,
    found: formatElement(dtype, found, i),
  }));
}

/** Paddle's own sums. */
export function compareGoldenReduce(
  place: Place,
  found: ArrayOf<FloatDType>,
  golden: HostTensor<FloatDType>,
  expected: ExpectedReduce,
): Difference[] {
  const { magnitudes, shape, topK, dtype } = expected;
  const wrongArray = compareArray(place, found, dtype, golden.data.length);
  if (wrongArray) return [wrongArray];
  const a = decode(dtype, found);
  const b = decode(dtype, golden.data);
  const tolerance = (i: number) => paddleBound(magnitudes[i], topK, dtype);
  const differs = (i: number) => !Object.is(a[i], b[i]) && !(Math.abs(a[i] - b[i]) <= tolerance(i));
  return collect(place, shape, a.length, differs, (i) => ({
    expected: `${formatElement(dtype, golden.data, i)} ± ${tolerance(i).toExponential(2)}`,
    found: formatElement(dtype, found, i),
  }));
}
