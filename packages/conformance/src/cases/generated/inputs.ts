import { moeDispatch, moeReduce, type Tensor } from '@moe-dispatch/core';
import { checkExact, optionsOf, requireDispatch, uploadReduceOptions } from '../../checks.js';
import type { HostTensor } from '../../host-tensor.js';
import { expectDispatch } from '../../oracle.js';
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
    run: async (session) => {
      const random = new Random(id);
      const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const hosts = {
        x: randomRows(random, 'float32', [19, 5]),
        gating: drawn('float32', [19, 12], () => random.pick([...special, random.normal(), random.normal()])),
      };
      requireDispatch(session, { ...hosts, ...mode, moeTopk: 3 });
      const [x, gating] = [session.upload(hosts.x), session.upload(hosts.gating)];
      const found = session.keep(moeDispatch(x, gating, optionsOf({ ...mode, moeTopk: 3 })));
      await found.permuteInput.read();
      await checkUnchanged(session, hosts, { x, gating });
    },
  };
}

function reduceInputs(): ConformanceCase {
  const id = 'generated/inputs/unchanged-by-moeReduce';
  return {
    id,
    run: async (session) => {
      session.requireSizes({ numExperts: 6, topK: 2, tokens: 9, hidden: 5 });
      const random = new Random(id);
      const x = drawn('float32', [9, 5], () => random.normal());
      const { permuteIndicesPerToken, topKIndices } = expectDispatch(
        x,
        drawn('float32', [9, 6], () => random.normal()),
        { moeTopk: 2 },
      );
      const hosts = {
        ffnOut: drawn('float32', [18, 5], () => random.normal()),
        expertScalesFloat: drawn('float32', [9, 2], () => 1 + random.uniform()),
        permuteIndicesPerToken,
        topKIndices,
        ffn2Bias: drawn('float32', [6, 5], () => random.normal()),
      };
      const options = uploadReduceOptions(session, {
        ...hosts,
        normTopkProb: true,
        routedScalingFactor: 2.5,
      });
      const ffnOut = session.upload(hosts.ffnOut);
      const scales = session.upload(hosts.expertScalesFloat);
      const rows = session.upload(permuteIndicesPerToken);
      const experts = session.upload(topKIndices);
      await session.keep(moeReduce(ffnOut, scales, rows, experts, options)).read();
      await checkUnchanged(session, hosts, {
        ffnOut,
        expertScalesFloat: scales,
        permuteIndicesPerToken: rows,
        topKIndices: experts,
        ffn2Bias: options.ffn2Bias as Tensor,
      });
    },
  };
}

async function checkUnchanged<Name extends string>(
  session: Session,
  hosts: Readonly<Record<Name, HostTensor>>,
  tensors: Readonly<Record<Name, Tensor>>,
): Promise<void> {
  for (const tensor of Object.keys(tensors) as Name[]) {
    await checkExact(session, { case: 'after the call', tensor }, tensors[tensor], hosts[tensor]);
  }
}
