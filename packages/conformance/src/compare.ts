import { type ArrayOf, DTYPES, type DType, type FloatDType } from '@moe-dispatch/core';
import type { OperationName } from '@moe-dispatch/core/backend';
import { weightBound } from './bounds.js';
import { decode } from './float-formats.js';
import { bytesOf, type HostTensor } from './host-tensor.js';

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

/** Scales that are not exact. @param gaps of weightBound */
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
    Number.isFinite(data[i]) && Math.abs(found[i] - data[i]) <= weightBound(data[i], gaps[i]);
  const differs = (i: number) => !Object.is(found[i], data[i]) && !isNear(i);
  return collect(place, shape, data.length, differs, (i) => ({
    expected: `${data[i]} ± ${weightBound(data[i], gaps[i]).toExponential(2)}`,
    found: formatElement('float32', found, i),
  }));
}

/** Two backends' scales, of which one is not exact: each may be off by the tolerance, in opposite directions. */
export function compareScalePair(
  place: Place,
  found: Float32Array<ArrayBuffer>,
  other: HostTensor<'float32'>,
  gaps: Float64Array,
): Difference[] {
  const { data, shape } = other;
  const tolerance = (i: number) => weightBound(data[i], gaps[i]) + weightBound(found[i], gaps[i]);
  const differs = (i: number) => !(Math.abs(found[i] - data[i]) <= tolerance(i));
  return collect(place, shape, data.length, differs, (i) => ({
    expected: `${formatElement('float32', data, i)} ± ${tolerance(i).toExponential(2)}`,
    found: formatElement('float32', found, i),
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

export function formatNumber(value: number): string {
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

/** The first elements that differ. */
export function collect(
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
