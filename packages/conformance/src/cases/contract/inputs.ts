import type { Tensor } from '@moe-dispatch/core';
import type { TensorName } from '@moe-dispatch/core/backend';
import { checkExact, dispatchCall, reduceCall } from '../../checks.js';
import type { HostTensor } from '../../host-tensor.js';
import { type HostCall, issue, uploadInputs } from '../../operations/host-call.js';
import { expectPlan } from '../../oracle.js';
import { expectRouting } from '../../oracle-router.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, MODES, Random, randomRows } from '../data.js';

/** A call leaves its inputs as they were: gating is not cleaned in place, scales are not normalised in place. */
export function inputCases(): ConformanceCase[] {
  return [...MODES.map(dispatchInputs), reduceInputs()];
}

function dispatchInputs({ name, mode }: (typeof MODES)[number]): ConformanceCase {
  const id = `generated/inputs/unchanged-by-moeDispatch,${name}`;
  return {
    id,
    run: (session) => {
      const random = new Random(id);
      const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const draw = () => random.pick([...special, random.normal(), random.normal()]);
      const x = randomRows(random, 'float32', [19, 5]);
      const gatingOutput = drawn('float32', [19, 12], draw);
      return checkUnchanged(session, dispatchCall({ x, gatingOutput, ...mode, moeTopk: 3 }));
    },
  };
}

function reduceInputs(): ConformanceCase {
  const id = 'generated/inputs/unchanged-by-moeReduce';
  return {
    id,
    run: (session) => {
      const random = new Random(id);
      const gatingOutput = drawn('float32', [9, 6], () => random.normal());
      const { topKIndices } = expectRouting({ gatingOutput }, { moeTopk: 2 });
      const { permuteIndicesPerToken } = expectPlan(topKIndices, 6);
      const input = {
        ffnOut: drawn('float32', [18, 5], () => random.normal()),
        expertScalesFloat: drawn('float32', [9, 2], () => 1 + random.uniform()),
        permuteIndicesPerToken,
        topKIndices,
        ffn2Bias: drawn('float32', [6, 5], () => random.normal()),
      };
      return checkUnchanged(session, reduceCall({ ...input, normTopkProb: true, routedScalingFactor: 2.5 }));
    },
  };
}

/** After the results were read. */
async function checkUnchanged(session: Session, call: HostCall): Promise<void> {
  const tensors = uploadInputs(session, call);
  for (const result of Object.values(issue(session, call, tensors))) await result.read();
  for (const tensor of Object.keys(call.inputs) as TensorName[]) {
    const [found, host] = [tensors[tensor] as Tensor, call.inputs[tensor] as HostTensor];
    await checkExact(session, { case: `after ${call.operation}`, tensor }, found, host);
  }
}
