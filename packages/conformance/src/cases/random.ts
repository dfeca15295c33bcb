import type { OperationName } from '@moe-dispatch/core';
import { checkCall } from '../checks.js';
import { errorText } from '../describe-error.js';
import { NotClaimed, type Session } from '../session.js';
import type { ConformanceCase } from './conformance-case.js';
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
  const call = JSON.stringify(counterexample.call);
  if (!(error instanceof Different)) throw new Error(`${errorText(error)} in ${call}`, { cause: error });
  session.adopt(error.attempt);
  session.report(error.attempt.differences.map((d) => ({ ...d, case: `${d.case} of ${call}` })));
}

class Different extends Error {
  readonly attempt: Session;

  constructor(attempt: Session) {
    super('the results differ');
    this.attempt = attempt;
  }
}
