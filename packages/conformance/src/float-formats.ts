import type { ArrayOf, FloatDType } from '@moe-dispatch/core';

/*
 * The float dtypes in exact float64 arithmetic. Deliberately not core's bit conversions: what checks a backend must not
 * share code with it.
 */

export interface FloatFormat {
  /** Bits of the significand, the hidden one included. */
  readonly precision: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  readonly maxFinite: number;
}

export const FLOAT_FORMATS: { readonly [D in FloatDType]: FloatFormat } = {
  float32: { precision: 24, minExponent: -126, maxFinite: (2 - 2 ** -23) * 2 ** 127 },
  float16: { precision: 11, minExponent: -14, maxFinite: 65504 },
  bfloat16: { precision: 8, minExponent: -126, maxFinite: (2 - 2 ** -7) * 2 ** 127 },
};

/** The largest relative error of one rounding to nearest. */
export function unitRoundoff(format: FloatFormat): number {
  return 2 ** -format.precision;
}

export function smallestSubnormal(format: FloatFormat): number {
  return 2 ** (format.minExponent - format.precision + 1);
}

/** The unit in the last place of a finite number: its distance to the next number of the format, away from 0. */
export function ulpOf(format: FloatFormat, value: number): number {
  return 2 ** (Math.max(exponentOf(value), format.minExponent) - format.precision + 1);
}

/** Counts infinity as the number after the largest finite one, so that it has a distance from others. */
export function clampToRange(format: FloatFormat, value: number): number {
  const beyond = format.maxFinite + ulpOf(format, format.maxFinite);
  return Math.min(Math.max(value, -beyond), beyond);
}

/** Rounds to the nearest number of the format, ties to even; beyond its range to infinity. */
export function roundTo(format: FloatFormat, value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const quantum = ulpOf(format, value);
  const magnitude = roundHalfToEven(Math.abs(value) / quantum) * quantum;
  return Math.sign(value) * (magnitude > format.maxFinite ? Infinity : magnitude);
}

/** The values of an array of a float dtype, exactly. */
export function decode(dtype: FloatDType, data: ArrayOf<FloatDType>): Float64Array {
  if (dtype === 'float32') return Float64Array.from(data);
  const format = FLOAT_FORMATS[dtype];
  return Float64Array.from(data, (word) => decodeWord(format, word));
}

/** Numbers as an array of a float dtype, each rounded once. */
export function encode<D extends FloatDType>(dtype: D, values: Iterable<number>): ArrayOf<D> {
  if (dtype === 'float32') return Float32Array.from(values) as ArrayOf<D>;
  const format = FLOAT_FORMATS[dtype];
  return Uint16Array.from(values, (value) => encodeWord(format, roundTo(format, value))) as ArrayOf<D>;
}

/** @param value one of the format's numbers */
function encodeWord(format: FloatFormat, value: number): number {
  const fractions = 2 ** (format.precision - 1);
  const exponents = 2 ** 15 / fractions;
  const sign = value < 0 || Object.is(value, -0) ? 2 ** 15 : 0;
  if (Number.isNaN(value)) return (exponents - 1) * fractions + fractions / 2;
  if (!Number.isFinite(value)) return sign + (exponents - 1) * fractions;
  // Counted from 0, the numbers of a sign are its words.
  const exponent = Math.max(exponentOf(value), format.minExponent);
  const count = Math.abs(value) / 2 ** (exponent - format.precision + 1);
  return sign + (exponent - format.minExponent) * fractions + count;
}

function decodeWord(format: FloatFormat, word: number): number {
  const fractions = 2 ** (format.precision - 1);
  const exponents = 2 ** 15 / fractions;
  const sign = word >= 2 ** 15 ? -1 : 1;
  const magnitude = word % 2 ** 15;
  const fraction = magnitude % fractions;
  const exponent = Math.floor(magnitude / fractions);
  if (exponent === exponents - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * smallestSubnormal(format);
  return sign * (1 + fraction / fractions) * 2 ** (exponent - 1 + format.minExponent);
}

const scratch = new DataView(new ArrayBuffer(8));

/** floor(log2 |value|) of a normal float64; something smaller than any format's range for a subnormal one. */
function exponentOf(value: number): number {
  scratch.setFloat64(0, value);
  return ((scratch.getUint16(0) >> 4) & 0x7ff) - 1023;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
