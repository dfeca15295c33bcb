import type { OperationName } from '@moe-dispatch/core';
import type { Session, Sizes } from '../session.js';

/** One named check of a backend. */
export interface ConformanceCase {
  /** Stable: `golden/<fixture>`, `generated/<group>/<name>`, `errors/<name>` or `random/seed=<seed>`. */
  readonly id: string;
  /** Reports what differs to the session; throws NotClaimed if the backend does not claim what it needs. */
  run(session: Session): Promise<void>;
}

/** What cases need of a backend. */
interface Needs extends Sizes {
  readonly operations?: readonly OperationName[];
}

/** The cases, each not claimed if the backend claims less than these operations in these sizes. */
export function needing(
  { operations = [], ...sizes }: Needs,
  cases: readonly ConformanceCase[],
): ConformanceCase[] {
  return cases.map(({ id, run }) => ({
    id,
    run: async (session) => {
      session.requireOperations(...operations);
      session.requireSizes(sizes);
      await run(session);
    },
  }));
}
