import { DTYPES } from '@moe-dispatch/core';
import { weightBound } from '../bounds.js';
import { reduceBound } from '../compare-reduce.js';
import { encode } from '../float-formats.js';
import { type HostTensor, hostTensor } from '../host-tensor.js';
import type { ExpectedReduce } from '../oracle-reduce.js';

/** The lowest and the highest value, of the result's dtype, that a backend with `exact: false` may give. */
export interface Bounds {
  readonly low: HostTensor;
  readonly high: HostTensor;
}

/** @param gaps of ExpectedRouting */
export function scaleBounds(scales: HostTensor<'float32'>, gaps: Float64Array): Bounds {
  const { data, shape } = scales;
  const bound = (sign: 1 | -1) => {
    const bounds = hostTensor('float32', shape);
    data.forEach((value, i) => {
      bounds.data[i] = within(value + sign * weightBound(value, gaps[i]), sign);
    });
    return bounds;
  };
  return { low: bound(-1), high: bound(1) };
}

/** The float32 nearest to a limit that does not exceed it. */
function within(limit: number, sign: 1 | -1): number {
  const nearest = Math.fround(limit);
  if (sign * (nearest - limit) <= 0) return nearest;
  const bits = new Int32Array(Float32Array.of(nearest).buffer);
  // One step towards −sign · ∞: numbers of a sign are ordered as their bits are.
  bits[0] += nearest > 0 === sign > 0 ? -1 : 1;
  return new DTYPES.float32.ArrayType(bits.buffer)[0];
}

/** Where the right value is not finite, the bounds are that value. */
export function sumBounds(expected: ExpectedReduce): Bounds {
  const { dtype, shape, values } = expected;
  const pairs = Array.from(values, (value, i) =>
    Number.isFinite(value) ? reduceBound(expected, i) : [value, value],
  );
  const bound = (end: 0 | 1): HostTensor => ({
    dtype,
    shape,
    data: encode(
      dtype,
      pairs.map((pair) => pair[end]),
    ),
  });
  return { low: bound(0), high: bound(1) };
}
