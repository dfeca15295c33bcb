import { type ArrayOf, DTYPES, type DType, type FloatDType } from '@moe-dispatch/core';
import type { OperationName } from '@moe-dispatch/core/backend';
import {
  clampToRange,
  decode,
  FLOAT_FORMATS,
  roundTo,
  smallestSubnormal,
  ulpOf,
  unitRoundoff,
} from './float-formats.js';
import { bytesOf, type HostTensor } from './host-tensor.js';
import type { ExpectedReduce } from './oracle-reduce.js';

/** One element that is not as it must be. Plain JSON: values are text, because JSON has no NaN, −0 or int64. */
export interface Difference {
  /** What was being computed, if a case computes several things. */
  case: string;
  /** The result at fault, e.g. `topKIndices`. */
  tensor: string;
  /** The operation or stage at fault, if the result is one of its outputs. */
  operation?: OperationName;
  /** Where in the tensor; empty if the tensor as a whole is wrong. */
  index: number[];
  expected: string;
  found: string;
  /** How many elements of the tensor are wrong; the first few are reported. */
  count: number;
}

/** Where a comparison is made. */
export interface Place {
  readonly case: string;
  readonly tensor: string;
  readonly operation?: OperationName;
}

const SHOWN = 4;

/** A difference of the tensor as a whole. */
export function wholeDifference(place: Place, expected: string, found: string): Difference {
  return { ...place, index: [], expected, found, count: 1 };
}

/**
 * Every byte must agree, NaN payloads and the sign of zero included.
 * @param isDefined whether the contract says what an element is; by default it does
 */
export function compareExact(
  place: Place,
  found: ArrayOf<DType>,
  expected: HostTensor,
  isDefined: (i: number) => boolean = () => true,
): Difference[] {
  const { data, dtype, shape } = expected;
  const wrongArray = compareArray(place, found, dtype, data.length);
  if (wrongArray) return [wrongArray];
  const foundBytes = bytesOf(found);
  const expectedBytes = bytesOf(data);
  const size = data.BYTES_PER_ELEMENT;
  const differs = (i: number) => {
    for (let b = i * size; b < (i + 1) * size; b++)
      if (foundBytes[b] !== expectedBytes[b]) return isDefined(i);
    return false;
  };
  return collect(place, shape, data.length, differs, (i) => ({
    expected: formatElement(dtype, data, i),
    found: formatElement(dtype, found, i),
  }));
}

/** Every bit of what was computed must agree, but for those of NaNs. */
export function compareFloats(
  place: Place,
  found: ArrayOf<FloatDType>,
  expected: HostTensor<FloatDType>,
  isDefined: (i: number) => boolean = () => true,
): Difference[] {
  const { data, dtype } = expected;
  const holdsNaN = (values: ArrayOf<FloatDType>, i: number) =>
    Number.isNaN(decode(dtype, values.slice(i, i + 1) as ArrayOf<FloatDType>)[0]);
  return compareExact(
    place,
    found,
    expected,
    (i) => isDefined(i) && !(holdsNaN(found, i) && holdsNaN(data, i)),
  );
}

/**
 * The tolerance for scales that are not exact: those of a backend that does not claim it, and those of Paddle's own
 * kernels, which pay for the same rounding of max − l.
 */
export function compareScales(
  place: Place,
  found: Float32Array<ArrayBuffer>,
  expected: HostTensor<'float32'>,
  gaps: Float64Array,
): Difference[] {
  const { data, shape } = expected;
  const wrongArray = compareArray(place, found, 'float32', data.length);
  if (wrongArray) return [wrongArray];
  const isNear = (i: number) =>
    Number.isFinite(data[i]) && Math.abs(found[i] - data[i]) <= scaleTolerance(data[i], gaps[i]);
  const differs = (i: number) => !Object.is(found[i], data[i]) && !isNear(i);
  return collect(place, shape, data.length, differs, (i) => ({
    expected: `${data[i]} ± ${scaleTolerance(data[i], gaps[i]).toExponential(2)}`,
    found: formatElement('float32', found, i),
  }));
}

/**
 * How far a weight that is not exact may lie from the right one.
 * @param gap max − l, whose rounding to float32 the second term pays for
 */
export function scaleTolerance(value: number, gap: number): number {
  return Math.max(1e-37, Math.abs(value) * (2e-6 + 2 ** -23 * gap));
}

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
 * The bound for backends that are not exact: a value within K·2^-23 of the sum of the terms' magnitudes, rounded once to
 * the dtype. It must lie between the roundings of both ends, so that an error that crosses a rounding boundary is allowed
 * its full step, and overflow to infinity exactly when it can happen.
 */
function reduceBound(expected: ExpectedReduce, i: number): [low: number, high: number] {
  const format = FLOAT_FORMATS[expected.dtype];
  const error = reduceError(expected, i);
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

/** Two backends' scales, of which one is not exact: each may be off by the tolerance, in opposite directions. */
export function compareScalePair(
  place: Place,
  found: Float32Array<ArrayBuffer>,
  other: HostTensor<'float32'>,
  gaps: Float64Array,
): Difference[] {
  const { data, shape } = other;
  const tolerance = (i: number) => scaleTolerance(data[i], gaps[i]) + scaleTolerance(found[i], gaps[i]);
  const differs = (i: number) => !(Math.abs(found[i] - data[i]) <= tolerance(i));
  return collect(place, shape, data.length, differs, (i) => ({
    expected: `${formatElement('float32', data, i)} ± ${tolerance(i).toExponential(2)}`,
    found: formatElement('float32', found, i),
  }));
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
    const error = 2 * reduceError(expected, i) + ulpOf(format, value) / 2;
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

/** How far a sum may lie from the right value before it is rounded to the dtype. */
function reduceError({ magnitudes, topK }: ExpectedReduce, i: number): number {
  // Float32 products in the subnormal range round by up to 2^-150 each, however small they are.
  return magnitudes[i] * topK * 2 ** -23 + (topK + 1) * 2 ** -150;
}

/**
 * Paddle rounds its running sum after every choice: K roundings of the dtype, and one each of its and our result. To
 * these come the contract's own in float32, which count only if that is the dtype: K of the sum, K − 1 of the scales', and
 * four of each term (quotient, factor, bias, product).
 */
export function compareGoldenReduce(
  place: Place,
  found: ArrayOf<FloatDType>,
  golden: HostTensor<FloatDType>,
  expected: ExpectedReduce,
): Difference[] {
  const { magnitudes, shape, topK, dtype } = expected;
  const wrongArray = compareArray(place, found, dtype, golden.data.length);
  if (wrongArray) return [wrongArray];
  const format = FLOAT_FORMATS[dtype];
  const a = decode(dtype, found);
  const b = decode(dtype, golden.data);
  const ofDType = (i: number) =>
    Math.max(unitRoundoff(format) * magnitudes[i], smallestSubnormal(format) / 2);
  const tolerance = (i: number) => (topK + 2) * ofDType(i) + (2 * topK + 3) * 2 ** -24 * magnitudes[i];
  const differs = (i: number) => !Object.is(a[i], b[i]) && !(Math.abs(a[i] - b[i]) <= tolerance(i));
  return collect(place, shape, a.length, differs, (i) => ({
    expected: `${formatElement(dtype, golden.data, i)} ± ${tolerance(i).toExponential(2)}`,
    found: formatElement(dtype, found, i),
  }));
}

export function formatElement(dtype: DType, data: ArrayOf<DType>, index: number): string {
  const value = data[index];
  if (dtype !== 'float32' && dtype !== 'float16' && dtype !== 'bfloat16') return String(value);
  const element = data.slice(index, index + 1) as ArrayOf<FloatDType>;
  const [number] = decode(dtype, element);
  const digits = element.BYTES_PER_ELEMENT * 2;
  const bits = digits === 8 ? new Uint32Array(element.buffer)[0] : element[0];
  return `${formatNumber(number)} (0x${bits.toString(16).padStart(digits, '0')})`;
}

function formatNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : `${value}`;
}

/** What is wrong with the array as a whole: its class, which core names for each dtype, or its length. */
export function compareArray(
  place: Place,
  found: ArrayOf<DType>,
  dtype: DType,
  length: number,
): Difference | undefined {
  const { name } = DTYPES[dtype].ArrayType;
  if (classOf(found) !== name) return wholeDifference(place, `${name} of ${dtype} elements`, classOf(found));
  if (found.length === length) return undefined;
  return wholeDifference(place, `${length} elements`, `${found.length} elements`);
}

/** The engine's own name for it, also for an array of another realm: `Int32Array`, `Array`, `Undefined`. */
export function classOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function collect(
  place: Place,
  shape: readonly number[],
  length: number,
  differs: (i: number) => boolean,
  show: (i: number) => { expected: string; found: string },
): Difference[] {
  const first: number[] = [];
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (!differs(i)) continue;
    count += 1;
    if (first.length < SHOWN) first.push(i);
  }
  return first.map((i) => ({ ...place, index: unravel(i, shape), ...show(i), count }));
}

/** The multi-dimensional index of a row-major position. */
function unravel(position: number, shape: readonly number[]): number[] {
  let rest = position;
  return [...shape]
    .reverse()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}
