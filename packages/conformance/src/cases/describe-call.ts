import type { HostTensor } from '../host-tensor.js';
import type { HostCall } from '../operations/host-call.js';
import { type Abilities, type RandomCall, randomInputs } from './random-call.js';

/** The two calls of a random call as a user would write them, and what its logits are like. */
export function describeRandomCall(call: RandomCall, abilities: Abilities): string {
  const { dispatch, reduce } = randomInputs(call, abilities);
  return `${describeCall(dispatch)} with ${call.kind} logits, and ${describeCall(reduce)}`;
}

/** `moeReduce(ffnOut float32 [4, 3], …, {"normTopkProb":true})` */
export function describeCall({ operation, inputs, options }: HostCall): string {
  const tensors = Object.entries(inputs as Record<string, HostTensor>).map(
    ([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join(', ')}]`,
  );
  return `${operation}(${[...tensors, JSON.stringify(options)].join(', ')})`;
}
