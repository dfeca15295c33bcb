import type { Backend, BackendFactory, Tensor } from '@moe-dispatch/core';
import {
  backendOf,
  type ReferenceContract,
  type ReferenceTensor,
  type Replaced,
  referenceContract,
} from './reference-backend.js';

/**
 * The reference backend with members of its contract replaced.
 * @param sabotage is told how many of this factory's backends there are with this one, and how to find it later
 */
export function sabotaged(
  sabotage: (contract: ReferenceContract, made: number, backend: () => Backend) => void,
  replaced: Replaced = {},
): BackendFactory {
  let made = 0;
  return {
    name: 'sabotaged',
    create() {
      const contract = referenceContract({}, replaced);
      made += 1;
      let backend: Backend | undefined;
      sabotage(contract, made, () => backend as Backend);
      backend = backendOf(contract);
      return backend;
    },
  };
}

type Operation = keyof ReferenceContract['operations'];

/** Replaces an operation by something that is given the original. */
export function replaceOperation(
  { operations }: ReferenceContract,
  operation: Operation,
  replacement: (call: AnyCall, original: (call: AnyCall) => void) => void,
): void {
  const original = operations[operation] as unknown as (call: AnyCall) => void;
  operations[operation] = (call: object) => replacement(call as AnyCall, original);
}

/** The call of any operation. */
export type AnyCall = Record<string, ReferenceTensor> &
  Record<'tokens' | 'topK' | 'hidden' | 'numExperts', number>;

/** Does something to each new tensor. */
export function changeTensors(contract: ReferenceContract, change: (tensor: Tensor) => void): void {
  const allocate = contract.allocate.bind(contract);
  contract.allocate = (spec) => {
    const tensor = allocate(spec);
    change(tensor);
    return tensor;
  };
}
