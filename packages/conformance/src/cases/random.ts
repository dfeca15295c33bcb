import type { OperationName } from '@moe-dispatch/core';
import { checkCall } from '../checks.js';
import { errorText } from '../describe-error.js';
import { NotClaimed, type Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';
import { describeCall, describeRandomCall } from './describe-call.js';
import { checkSeed, randomInputs } from './random-call.js';

/** One random call each, by seed. A failing one is made as small as fast-check can before it is reported. */
export function randomCases(seed: number, count: number): ConformanceCase[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `random/seed=${seed + i}`,
    run: (session) => runSeed(session, seed + i),
  }));
}

async function runSeed(session: Session, seed: number): Promise<void> {
  // Of the gating, whatever the rows are.
  session.require('float32');
  const claims = (operation: OperationName) => session.claims.operations.includes(operation);
  if (!claims('moeDispatch')) session.requireOperations('moeReduce');
  let latest = session.fork();
  const counterexample = await checkSeed(seed, async (call) => {
    latest = session.fork();
    try {
      const { dispatch, reduce } = randomInputs(call, session.claims);
      for (const hostCall of [dispatch, reduce]) {
        if (claims(hostCall.operation)) await checkCall(latest, hostCall.operation, hostCall);
      }
    } finally {
      latest.dispose();
    }
    if (latest.differences.length > 0) throw new Different(latest);
  });
  if (counterexample === undefined) {
    session.adopt(latest);
    return;
  }
  const { error } = counterexample;
  if (error instanceof NotClaimed) throw error;
  const { call } = counterexample;
  if (!(error instanceof Different)) {
    const calls = describeRandomCall(call, session.claims);
    throw new Error(`${errorText(error)} in ${calls}`, { cause: error });
  }
  session.adopt(error.attempt);
  const { dispatch, reduce } = randomInputs(call, session.claims);
  const nameOf = (label: string) =>
    label === dispatch.operation
      ? `${describeCall(dispatch)} with ${call.kind} logits`
      : describeCall(reduce);
  session.report(error.attempt.differences.map((d) => ({ ...d, case: nameOf(d.case) })));
}

class Different extends Error {
  readonly attempt: Session;

  constructor(attempt: Session) {
    super('the results differ');
    this.attempt = attempt;
  }
}
