import {
  type ArrayOf,
  type DType,
  type FloatDType,
  float32ToBfloat16,
  float32ToFloat16,
} from '@moe-dispatch/core';
import { bytesOf, elementCount, type HostTensor, hostTensor } from '../host-tensor.js';
import type { RoutingMode } from '../oracle-router.js';

/** Repeatable pseudo-random numbers, by text or number (splitmix32). */
export class Random {
  private state: number;

  constructor(seed: string | number) {
    let hash = 2166136261;
    for (const character of String(seed)) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619);
    this.state = hash >>> 0;
  }

  /** An integer from 0 to 2^32 − 1. */
  bits(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** From 0 (included) to 1 (excluded). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** Standard normal. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  pick<V>(values: readonly V[]): V {
    return values[this.below(values.length)];
  }

  shuffle(values: Int32Array): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [values[i], values[j]] = [values[j], values[i]];
    }
  }
}

/** Rows of random bytes: every bit pattern of the dtype, signalling NaNs included. */
export function randomRows<D extends DType>(
  random: Random,
  dtype: D,
  shape: readonly number[],
): HostTensor<D> {
  const tensor = hostTensor(dtype, shape);
  const bytes = bytesOf(tensor.data);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.bits();
  return tensor;
}

/** Values drawn one by one, rounded to the dtype. */
export function drawn<D extends FloatDType>(
  dtype: D,
  shape: readonly number[],
  draw: (index: number) => number,
): HostTensor<D> {
  const values = new Float32Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw(i);
  const tensor: HostTensor<FloatDType> = hostTensor(dtype, shape);
  if (dtype === 'float16') float32ToFloat16(values, tensor.data as ArrayOf<'float16'>);
  else if (dtype === 'bfloat16') float32ToBfloat16(values, tensor.data as ArrayOf<'float16'>);
  else tensor.data.set(values);
  return tensor as HostTensor<D>;
}

/** float32 values given by their bits, so that a NaN's payload survives. */
export function fromBits(shape: readonly number[], draw: (index: number) => number): HostTensor<'float32'> {
  const tensor = hostTensor('float32', shape);
  const bits = new Uint32Array(tensor.data.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = draw(i);
  return tensor;
}

export const FLT_MAX = 3.4028234663852886e38;

/** Every way to route, by name. */
export const MODES: readonly {
  readonly name: string;
  readonly mode: Omit<RoutingMode, 'moeTopk' | 'router'>;
}[] = [
  { name: 'softmax', mode: {} },
  { name: 'group', mode: { groupMoe: true } },
  { name: 'topk-only', mode: { topkOnlyMode: true } },
  { name: 'topk-only-group', mode: { topkOnlyMode: true, groupMoe: true } },
];

export const FLOAT_DTYPES: readonly FloatDType[] = ['float32', 'float16', 'bfloat16'];
