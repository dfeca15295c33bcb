import { moeDispatch } from '@moe-dispatch/core';
import { checkDispatch, type DispatchInput, dispatchCall, requireDispatch } from '../../checks.js';
import { compareByStage } from '../../compare-by-stage.js';
import { routingOptions, uploadInputs } from '../../operations/host-call.js';
import type { Session } from '../../session.js';
import type { ConformanceCase } from '../conformance-case.js';
import { drawn, Random, randomRows } from '../data.js';

/** Two backends of one factory, as a program with two devices has. */
export function twoBackendCases(): ConformanceCase[] {
  return [{ id: 'generated/two-backends/at-the-same-time', run: atTheSameTime }];
}

/** Calls in turn: neither sees the other's memory, and equal calls give equal bytes. */
async function atTheSameTime(session: Session): Promise<void> {
  const random = new Random('two backends');
  const input = (): DispatchInput => ({
    x: randomRows(random, 'float32', [40, 9]),
    gatingOutput: drawn('float32', [40, 12], () => random.normal()),
    moeTopk: 3,
  });
  const inputs = [input(), input()];
  requireDispatch(session, inputs[0]);
  await session.anotherBackend();
  const sides = session.backends.map((backend) => session.fork(backend));
  for (const side of sides) session.keep(side);
  const dispatched = inputs.map((each) =>
    sides.map((side) => {
      const { x, gatingOutput } = uploadInputs(side, dispatchCall(each));
      return side.keep(moeDispatch(x!, gatingOutput!, routingOptions(each)));
    }),
  );
  for (const [i, [first, second]] of dispatched.entries()) {
    await checkDispatch(session, `call ${i} on the first`, first, inputs[i]);
    await checkDispatch(session, `call ${i} on the second`, second, inputs[i]);
    await compareByStage(session, `call ${i}, the second against the first`, second, first);
  }
}
